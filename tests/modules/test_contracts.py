"""Every registered encoder, decoder and projector fulfils its contract."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from mplug2.modules import BertTextEncoder, LocalTemporal
from mplug2.modules.contracts import Decoder, DecoderState, Memory, Projector, TextEncoder, VisionEncoder, VisionTokens
from mplug2.registry import MODELS
from tests.modules import timm_like
from tests.modules.helpers import VOCAB, some_frames, some_text

LAYER = dict(width=16, num_layers=2, num_heads=2, ffn_dim=24)
BERT = dict(
    model_type='bert', vocab_size=VOCAB, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24
)
LLAMA = dict(model_type='llama', vocab_size=VOCAB, hidden_size=16, intermediate_size=24, num_hidden_layers=2)
SIGLIP = dict(model_type='siglip_vision_model', hidden_size=16, intermediate_size=24, num_hidden_layers=2)
SIZES = {
    'BertTextEncoder': dict(vocab_size=VOCAB, **LAYER),
    'DualVisionEncoder': dict(image_size=32, patch_size=8, temporal=dict(type=LocalTemporal), **LAYER),
    'HuggingFaceDecoder': dict(model=dict(LLAMA, num_attention_heads=2)),
    'HuggingFaceTextEncoder': dict(model=BERT),
    'HuggingFaceVisionEncoder': dict(
        model=dict(SIGLIP, num_attention_heads=2, patch_size=8), image_size=32, temporal=dict(type=LocalTemporal)
    ),
    'LinearProjector': dict(in_width=16, width=8),
    'TextDecoder': dict(vocab_size=VOCAB, **LAYER),
    'TimmVisionEncoder': dict(model='small_vit', image_size=32, temporal=dict(type=LocalTemporal)),
}


@pytest.fixture(autouse=True)
def timm(monkeypatch: pytest.MonkeyPatch) -> None:
    timm_like.install(monkeypatch)


def registered(ending: str) -> list[str]:
    MODELS.import_from_location()
    ours = (name for name, kind in MODELS.module_dict.items() if kind.__module__.startswith('mplug2.modules.'))
    return sorted(name for name in ours if name.endswith(ending))


def build(name: str) -> nn.Module:
    return MODELS.build(dict(type=name, **SIZES[name])).eval()


def test_none_is_forgotten() -> None:
    names = [name for ending in ('Encoder', 'Decoder', 'Projector') for name in registered(ending)]
    assert sorted(names) == sorted(SIZES)


@pytest.mark.parametrize('name', registered('VisionEncoder'))
def test_vision_encoders(name: str) -> None:
    encoder = build(name)
    assert isinstance(encoder, VisionEncoder)
    out = encoder(some_frames(2, 3, encoder.image_size))
    assert isinstance(out, VisionTokens)
    rows, columns = out.grid
    assert rows == columns == encoder.image_size // encoder.patch_size
    assert out.num_frames == 3
    assert out.tokens.shape == (2, encoder.num_prefix_tokens + 3 * rows * columns, encoder.width)
    parts = [part for group in encoder.layer_groups() for part in group]
    grouped = [p for part in parts for p in ([part] if isinstance(part, nn.Parameter) else part.parameters())]
    assert len({id(parameter) for parameter in grouped}) == len(grouped), 'a parameter is in one group'
    assert {id(parameter) for parameter in grouped} <= {id(parameter) for parameter in encoder.parameters()}
    larger = MODELS.build(dict(SIZES[name], type=name, image_size=2 * encoder.image_size))
    for key, value in encoder.state_dict().items():
        assert encoder.resample_state(key, value) is value
        assert larger.resample_state(key, value).shape == larger.state_dict()[key].shape


@pytest.mark.parametrize('name', registered('TextEncoder'))
def test_text_encoders(name: str) -> None:
    encoder, text = build(name), some_text(2, 5)
    assert isinstance(encoder, TextEncoder)
    assert encoder(text).shape == (2, 5, encoder.width)
    assert encoder.word_table.shape == (encoder.vocab_size, encoder.width)


@pytest.mark.parametrize('name', registered('Decoder'))
def test_decoders(name: str) -> None:
    decoder, ids = build(name), some_text(2, 4).ids
    assert isinstance(decoder, Decoder)
    assert not isinstance(BertTextEncoder(VOCAB, **LAYER), Decoder)
    memory = Memory(torch.randn(2, 6, decoder.memory_width))
    logits: Tensor = decoder(ids, memory)
    assert logits.shape == (2, 4, decoder.vocab_size)
    first, state = decoder.prefill(ids[:, :1], memory)
    assert isinstance(state, DecoderState)
    torch.testing.assert_close(first, logits[:, 0], rtol=1e-4, atol=1e-5)
    second, _ = decoder.step(ids[:, 1], state.reorder(torch.tensor([0, 1])))
    torch.testing.assert_close(second, logits[:, 1], rtol=1e-4, atol=1e-5)
    assert set(decoder.entry_points) == {'prefill', 'step'}


@pytest.mark.parametrize('name', registered('Projector'))
def test_projectors(name: str) -> None:
    projector = build(name)
    assert isinstance(projector, Projector)
    assert projector(torch.randn(2, 5, SIZES[name]['in_width'])).shape == (2, 5, projector.width)
