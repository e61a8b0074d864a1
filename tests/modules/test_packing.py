"""Packed weights against the layers that they replace."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.testing import assert_close

from mplug2.modules import Generation, LanguageHead, Memory, TextDecoder, generate, packing
from mplug2.modules.packing import PackedLinear, pack
from tests.modules.helpers import VOCAB, randomize


@pytest.fixture(autouse=True)
def _pack_small_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packing, 'SMALLEST', 0)


@pytest.mark.parametrize(('kind', 'tolerance'), [('packed', 1e-5), ('int8', 0.05)])
@pytest.mark.parametrize('rows', [1, 5, 300])
def test_products_are_those_of_the_layer(kind: str, tolerance: float, rows: int) -> None:
    torch.manual_seed(0)
    layers = nn.Sequential(nn.Linear(96, 64), nn.Linear(64, 32, bias=False))
    head, table = randomize(LanguageHead(32, VOCAB)), torch.randn(VOCAB, 32)
    model, x = nn.ModuleList([layers, head]).eval(), torch.randn(2, rows, 96)

    def run(model: nn.Module) -> torch.Tensor:
        with torch.no_grad():
            return model[1](model[0](x), table)

    expected, names = run(model), list(model.state_dict())
    pack(model, kind)
    assert isinstance(layers[0], PackedLinear)
    assert list(model.state_dict()) == names
    scale = expected.abs().max()
    assert_close(run(model) / scale, expected / scale, rtol=0, atol=tolerance)
    assert_close(run(copy.deepcopy(model)), run(model))  # a copy packs anew
    with torch.no_grad():
        layers[0].weight.mul_(2.0)
    changed = run(model)
    assert (changed - expected).abs().max() > 0.1 * scale  # a changed weight is packed again
    assert model[0](x).requires_grad  # training reads the weights themselves


@pytest.mark.parametrize('dtype', [torch.float32, torch.bfloat16])
def test_a_packed_decoder_writes_the_same_texts(dtype: torch.dtype) -> None:
    decoder = randomize(TextDecoder(VOCAB, 32, num_layers=2, num_heads=4, ffn_dim=48, max_positions=24), std=0.3).eval()
    torch.manual_seed(0)
    memory = Memory(torch.randn(6, 11, 32) * 2)
    found = []
    for packed in (False, True):
        if packed:
            pack(decoder)
        with torch.inference_mode(), torch.autocast('cpu', dtype, enabled=dtype is not torch.float32):
            found.append(generate(decoder, memory, Generation(5, 1, 9, num_return=5), 1, 2))
    same = [one[0].ids == other[0].ids for one, other in zip(*found, strict=True)]
    assert all(same) if dtype is torch.float32 else sum(same) >= 4  # bf16 rounds the output of the packed product once more
    for one, other in zip(*found, strict=True):
        assert one[0].score == pytest.approx(other[0].score, abs=1e-4 if dtype is torch.float32 else 0.2)


def test_other_kinds_are_refused() -> None:
    with pytest.raises(ValueError, match="weights are 'packed' or 'int8', not 'int4'"):
        pack(nn.Linear(4, 4), 'int4')
