"""The published modules' numbers, and models of ours holding the same weights."""

from __future__ import annotations

import json
from pathlib import Path

from safetensors.torch import load_file
from torch import Tensor

from mplug2.apis.release import load_release
from mplug2.checkpoints import Entry, ReleaseFormat
from mplug2.model import MPlug2
from mplug2.networks import Network

FOLDER = Path(__file__).parent / 'data' / 'golden'
TOLERANCE = dict(rtol=1e-4, atol=1e-5)
START, END = 101, 102
# What the files do not say: the measured modules had 4 heads at a text width of 64, and used 2 of 5 fusion layers stored.
TEXT_HEADS, FUSION_LAYERS = 4, 2


def numbers(name: str) -> dict[str, Tensor]:
    return load_file(FOLDER / f'{name}.safetensors')


def gradient_norms(name: str) -> dict[str, float]:
    return json.loads((FOLDER / f'{name}_gradient_norms.json').read_text())


def published(values: dict[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix('state_dict/'): value for key, value in values.items() if key.startswith('state_dict/')}


def release_entries(state: dict[str, Tensor]) -> list[Entry]:
    """The key table of a published state dict."""
    return ReleaseFormat(FUSION_LAYERS).file_entries(state)


def loaded_model(values: dict[str, Tensor], task: str) -> MPlug2:
    """The model of the weights among `values`."""
    return load_release(published(values), task, text_heads=TEXT_HEADS, fusion_layers=FUSION_LAYERS)


def loaded_network(values: dict[str, Tensor], task: str = 'qa') -> Network:
    """Its network."""
    return loaded_model(values, task).network
