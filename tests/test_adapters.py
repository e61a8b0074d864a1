"""Adapters: trained alone, saved alone, loaded onto the same base, merged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from mplug2.checkpoints.load import Policy, load
from mplug2.checkpoints.loading import load_strictly
from mplug2.model import MPlug2
from mplug2.structures import Batch, TargetBatch
from tests.runs import ROOT, process_group

LAYER = dict(width=16, num_heads=2, ffn_dim=24)
ADAPTERS = dict(modules=['vision_encoder.blocks.*.qkv', 'decoder.layers.*.key_value'], r=2, lora_alpha=4)


def build(adapters: dict | None, seed: int = 0) -> MPlug2:
    torch.manual_seed(seed)
    model = MPlug2(
        network=dict(
            vision_encoder=dict(type='DualVisionEncoder', image_size=16, patch_size=8, num_layers=2, **LAYER),
            decoder=dict(type='TextDecoder', vocab_size=30, num_layers=2, max_positions=24, dropout=0.0, **LAYER),
        ),
        tasks=dict(captioning=dict(type='Captioning', media='image', condition='vision')),
        adapters=adapters,
    )
    model.init_weights()
    return model


def loss(model: MPlug2) -> Tensor:
    ids = torch.arange(2, 12).view(2, 5)
    real = torch.ones_like(ids, dtype=torch.bool)
    frames = torch.randn(2, 1, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    target = TargetBatch(ids, real, real & (torch.arange(5) > 0), torch.arange(2), torch.ones(2))
    return model(Batch(frames=frames, target=target), mode='loss')['loss_caption']


def trained(seed: int = 0, **more: object) -> MPlug2:
    model = build(ADAPTERS | more, seed)
    optimizer = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=0.05)
    for _ in range(3):
        optimizer.zero_grad()
        loss(model).backward()
        optimizer.step()
    return model


def test_only_adapters_learn_and_keys_stay() -> None:
    plain, model = build(None), build(ADAPTERS)
    assert torch.equal(loss(model), loss(plain))  # they begin as nothing
    before = plain.state_dict()
    assert [key for key in model.state_dict() if key not in model.adapter_keys] == list(before)
    learned = trained(trained=['decoder.head.bias'])
    assert loss(learned) < loss(model) - 0.05
    changed = {key for key, value in learned.state_dict().items() if key in before and not torch.equal(value, before[key])}
    assert changed == {'network.decoder.head.bias'}
    assert all('.lora_' in key for key in learned.adapter_keys)
    assert len(learned.adapter_keys) == 2 * 4


def test_saved_alone_loaded_and_merged(tmp_path: Path) -> None:
    model = trained(trained=['decoder.head.bias'])
    model.save_adapter(tmp_path)
    assert (tmp_path / 'adapter_model.safetensors').stat().st_size < 8000
    again = build(None)
    again.load_adapter(tmp_path)
    assert torch.equal(loss(again), loss(model))
    again.merge_adapters()
    torch.testing.assert_close(loss(again), loss(model))
    assert not again.adapter_keys
    assert list(again.state_dict()) == list(build(None).state_dict())
    again.load_state_dict(build(None).state_dict())  # as a model that never had any


def test_checkpoints() -> None:
    model = trained()
    base, whole = build(None, seed=5).state_dict(), model.state_dict()
    load(model, base, Policy.START)  # weights of another run: adapters begin anew
    assert all(torch.equal(model.state_dict()[key], value) for key, value in base.items())
    fresh = build(ADAPTERS, seed=7)
    load(fresh, whole, Policy.RESUME)
    assert all(torch.equal(fresh.state_dict()[key], value) for key, value in whole.items())
    load_strictly(build(ADAPTERS), base, 'here')  # as init_cfg does


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match=r'of which decoder\.nothing matches none'):
        build(dict(modules=['decoder.nothing']))
    with pytest.raises(ValueError, match=r"adapters of kind 'thin': peft has .*lora"):
        build(dict(modules=['decoder.*'], kind='thin'))


def test_two_processes_share_them_out() -> None:
    ended = process_group(ROOT, 2, '-m', 'tests.adapters_worker')
    assert [status for status, _ in ended] == [0, 0], ended[0][1][-3000:]
    report = json.loads(next(line for line in ended[0][1].splitlines() if line.startswith('REPORT')).removeprefix('REPORT'))
    assert report['sharded'] == pytest.approx(report['single'], rel=1e-5)
    assert report['keys']
    assert report['resumed'] == pytest.approx(report['going_on'], rel=1e-6)
