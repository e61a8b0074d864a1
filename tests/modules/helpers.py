"""What several tests of modules share: a small network, and weights carried over from transformers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from mplug2.checkpoints.formats.adapter import Entry
from mplug2.modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    LocalTemporal,
    TextDecoder,
    UniversalLayers,
)
from mplug2.networks import MPlug2Network, Network
from mplug2.structures import Tokens

VOCAB = 61


def randomize(module: nn.Module, seed: int = 0, std: float = 0.2) -> nn.Module:
    """Every parameter random, zero-initialised projections too, so that nothing is hidden by a zero."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            noise = torch.randn(parameter.shape, generator=generator) * std
            parameter.copy_(1 + noise if 'norm' in name.lower() and name.endswith('weight') else noise)
    return module


def small_network(form: str = 'release', dropout: float = 0.0) -> Network:
    """A network of width 32 with every module, in the release's or the paper's form."""
    paper = form == 'paper'
    layer = dict(width=32, num_heads=2, ffn_dim=48)
    language = dict(**layer, dropout=dropout)
    vision = dict(temporal=dict(type=LocalTemporal))
    merging: dict = {}
    if paper:
        vision = dict(
            temporal=dict(type=LocalTemporal, hidden_dim=32, groups=8, activation='relu', bias=False),
            temporal_at=('attention',),
            temporal_on_images=False,
            norm='post',
        )
        merging = dict(form='paper')
    network = MPlug2Network(
        vision_encoder=DualVisionEncoder(32, 8, num_layers=2, **layer, **vision),
        text_encoder=BertTextEncoder(VOCAB, num_layers=1, max_positions=32, **language),
        universal=UniversalLayers(num_layers=2, num_queries=5, **language, **merging),
        fusion=FusionLayers(num_layers=1, **language),
        decoder=TextDecoder(VOCAB, num_layers=2, max_positions=32, **language),
    )
    return randomize(network).eval()


def some_text(batch: int, length: int, seed: int = 0) -> Tokens:
    """Random words; every second text is two tokens shorter."""
    ids = torch.randint(5, VOCAB, (batch, length), generator=torch.Generator().manual_seed(seed))
    mask = torch.ones(batch, length, dtype=torch.bool)
    mask[1::2, -2:] = False
    return Tokens(ids * mask, mask)


def some_frames(batch: int, frames: int, size: int = 32, seed: int = 0) -> Tensor:
    return torch.randn(batch, frames, 3, size, size, generator=torch.Generator().manual_seed(seed))


def carry_over(module: nn.Module, prefix: str, entries: Iterable[Entry], state: Mapping[str, Tensor]) -> None:
    """Load a foreign state dict into a module of ours; every parameter must be filled."""
    module.load_state_dict({entry.ours.removeprefix(f'{prefix}.'): entry.read(state) for entry in entries})
