"""A small model of one task, built from configs as a user's is, and batches for it."""

from __future__ import annotations

import torch

from mplug2.model import MPlug2
from mplug2.modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    LocalTemporal,
    TextDecoder,
    UniversalLayers,
)
from mplug2.objectives import Contrast
from mplug2.structures import Batch, MultiModalDataSample
from mplug2.text import BertTokenizer

from ..modules.helpers import randomize, some_frames, some_text

LAYER = dict(width=32, num_heads=2, ffn_dim=48)
WORDS = dict(vocab_size=1000, max_positions=64)


def small_network_cfg(form: str = 'release') -> dict:
    """Every module, no dropout, 32 pixels in patches of 8, the vocabulary of the mini benchmark."""
    language = dict(**LAYER, dropout=0.0)
    vision = dict(temporal=dict(type=LocalTemporal))
    merging = {}
    if form == 'paper':
        vision |= dict(temporal_at=('attention',), temporal_on_images=False, norm='post')
        merging = dict(form='paper')
    return dict(
        vision_encoder=dict(type=DualVisionEncoder, image_size=32, patch_size=8, num_layers=2, **LAYER, **vision),
        text_encoder=dict(type=BertTextEncoder, num_layers=1, **WORDS, **language),
        universal=dict(type=UniversalLayers, num_layers=2, num_queries=5, **language, **merging),
        fusion=dict(type=FusionLayers, num_layers=1, **language),
        decoder=dict(type=TextDecoder, num_layers=2, **WORDS, **language),
    )


def small_model(task: dict, form: str = 'release', seed: int = 0, std: float = 0.2) -> MPlug2:
    """A model of one task, or of several by name, with random weights."""
    model = MPlug2(
        tokenizer=dict(type=BertTokenizer, vocab='mini'),
        network=small_network_cfg(form),
        tasks=dict(task=task) if 'type' in task else task,
    )
    randomize(model.network, seed, std)
    for part in model.tasks.values():
        for head in part.children():
            if not isinstance(head, Contrast):  # whose momentum encoder is empty
                randomize(head, seed + 1, std)
    return model


def some_batch(size: int, frames: int = 1, seed: int = 0, **inputs) -> Batch:
    """Random images or clips, each with a text."""
    samples = [MultiModalDataSample(metainfo=dict(sample_id=row, media='image')) for row in range(size)]
    inputs = dict(frames=some_frames(size, frames, seed=seed), text=some_text(size, 6, seed)) | inputs
    return Batch(samples=samples, **inputs)


def gradients(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
