"""The published modules' numbers, and a network of ours holding the same weights."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from mplug2.modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    LocalTemporal,
    Network,
    TextDecoder,
    UniversalLayers,
)
from mplug2.weights.release import ReleaseFormat

FOLDER = Path(__file__).parent / 'data' / 'golden'
TOLERANCE = dict(rtol=1e-4, atol=1e-5)
START, END = 101, 102


def numbers(name: str) -> dict[str, Tensor]:
    return load_file(FOLDER / f'{name}.safetensors')


def gradient_norms(name: str) -> dict[str, float]:
    return json.loads((FOLDER / f'{name}_gradient_norms.json').read_text())


def release_format() -> ReleaseFormat:
    return ReleaseFormat(
        vision_layers=3,
        text_layers=3,
        universal_layers=2,
        stored_layers=5,
        fusion_layers=2,
        decoder_layers=3,
        projected=True,
    )


def tiny_network() -> Network:
    """The golden size, with dropout off so that training losses compare."""
    sizes = dict(width=64, heads=4, hidden=136, dropout=0.0)
    return Network(
        vision_encoder=DualVisionEncoder(32, 8, 128, 3, 2, temporal=dict(type=LocalTemporal)),
        text_encoder=BertTextEncoder(131, layers=3, positions=40, **sizes),
        universal=UniversalLayers(layers=2, vision_width=128, **sizes),
        fusion=FusionLayers(layers=2, **sizes),
        decoder=TextDecoder(131, layers=3, positions=40, **sizes),
    )


def published(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix('state_dict/'): value for key, value in values.items() if key.startswith('state_dict/')}


def loaded_network(values: dict[str, Tensor]) -> Network:
    """A network with the weights among `values`; modules whose weights are not there are left empty."""
    state = published(values)
    network = tiny_network()
    ours = {entry.ours: entry.read(state) for entry in release_format().entries if all(key in state for key in entry.theirs)}
    held = {key.split('.')[0] for key in ours}
    for name, _ in list(network.named_children()):
        if name not in held:
            setattr(network, name, None)
    network.load_state_dict(ours)
    return network.eval()
