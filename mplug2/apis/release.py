"""A model from a published file, with every size read off the weights."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..checkpoints.errors import CheckpointError
from ..checkpoints.files import read_state
from ..checkpoints.formats.release import ReleaseFormat
from ..checkpoints.loading import load_strictly, show
from ..model import MPlug2
from ..modules import (
    BertTextEncoder,
    DualVisionEncoder,
    FusionLayers,
    LocalTemporal,
    TextDecoder,
    UniversalLayers,
)
from ..preprocessor import MultiModalDataPreprocessor
from ..tasks import Captioning, QuestionAnswering

HEAD_WIDTH = 64  # channels of an attention head, in every published size

TASK_CONFIGS: dict[str, dict[str, Any]] = {
    'caption': dict(type=Captioning, condition='vision'),
    'qa': dict(type=QuestionAnswering),
}


def load_release(
    source: str | Path | Mapping[str, Tensor],
    task: str = 'caption',
    *,
    text_heads: int | None = None,
    vision_heads: int | None = None,
    fusion_layers: int | None = None,
    dropout: float = 0.1,
    tokenizer: dict | None = None,
) -> MPlug2:
    """The model of a published file, in evaluation mode.

    Args:
        source: file, folder, hub name or state dict, as published (`mPLUG2_MSRVTT_Caption.pth`).
        task: 'caption' (the decoder sees vision alone, as published) or 'qa' (vision and the fused question).
        text_heads, vision_heads: attention heads; width / 64 if None.
        fusion_layers: how many of the stored fusion layers are used, the last ones; if None 3 of 12 and 6 of 24.
        dropout: of the text layers, once the model is set to training. tokenizer: config of a tokenizer. Without
            one `MPlug2.generate` returns token ids only, and the tasks' `predict` is unavailable.

    What was loaded and what was left out is printed, and kept as the model's ``load_report``.

    Raises:
        CheckpointError: unreadable, incomplete, or with an unknown number of fusion layers and none given.
        ValueError: no such task.
    """
    state = ReleaseFormat.clean(read_state(source))
    name = 'a state dict' if isinstance(source, Mapping) else str(source)
    if not ReleaseFormat.recognises(state):
        raise CheckpointError(f'{name} is not a published mPLUG-2 file: it has no visual_encoder.visual.* keys')
    if isinstance(source, Mapping):  # training must not change the caller's tensors
        state = {key: value.clone() for key, value in state.items()}
    return build_release(state, name, task, text_heads, vision_heads, fusion_layers, dropout, tokenizer)


def build_release(
    state: Mapping[str, Tensor],
    name: str,
    task: str,
    text_heads: int | None = None,
    vision_heads: int | None = None,
    fusion_layers: int | None = None,
    dropout: float = 0.1,
    tokenizer: dict | None = None,
) -> MPlug2:
    """The model of a cleaned published state dict, whose tensors it then holds; see `load_release`.

    Args:
        name: what messages call the source.
    """
    if task not in TASK_CONFIGS:
        raise ValueError(f'task is one of {", ".join(TASK_CONFIGS)}, not {task!r}')
    adapter = ReleaseFormat(fusion_layers)
    with torch.device('meta'):  # no storage: the model then holds the file's tensors
        model = MPlug2(
            release_network(state, adapter, task == 'qa', text_heads, vision_heads, dropout),
            {task: dict(TASK_CONFIGS[task])},
            tokenizer=tokenizer,
        )
    model.data_preprocessor = MultiModalDataPreprocessor()
    translated = adapter.translate(state, [name for name, _ in model.network.named_children()])
    report = load_strictly(
        model.network, translated.weights, name, sources=translated.sources, left_out=translated.left_out, assign=True
    )
    show(report)
    model.load_report = report
    return model.eval()


def release_network(
    state: Mapping[str, Tensor],
    adapter: ReleaseFormat,
    with_question: bool = True,
    text_heads: int | None = None,
    vision_heads: int | None = None,
    dropout: float = 0.1,
) -> dict[str, dict]:
    """The network config of a cleaned published state dict; text encoder and fusion only if there is a question."""
    layers = adapter.file_layers(state, with_question)
    visual, universal = 'visual_encoder.visual', f'text_encoder.encoder.layer.{layers.text}'
    vision_width, _, _, patch, _ = _shape(state, f'{visual}.conv1.weight')
    grid = round((_shape(state, f'{visual}.positional_embedding')[0] - 1) ** 0.5)
    hidden, width = _shape(state, f'{universal}.intermediate.dense.weight')
    language = dict(width=width, num_heads=text_heads or max(1, width // HEAD_WIDTH), ffn_dim=hidden, dropout=dropout)

    def words(prefix: str) -> dict:
        vocab_size, positions, types = (
            _shape(state, f'{prefix}.embeddings.{name}_embeddings.weight')[0] for name in ('word', 'position', 'token_type')
        )
        return dict(vocab_size=vocab_size, max_positions=positions, num_token_types=types)

    network = dict(
        vision_encoder=dict(
            type=DualVisionEncoder,
            image_size=grid * patch,
            patch_size=patch,
            width=vision_width,
            num_layers=layers.vision,
            num_heads=vision_heads or max(1, vision_width // HEAD_WIDTH),
            ffn_dim=_shape(state, f'{visual}.transformer.resblocks.0.mlp.c_fc.weight')[0],
            temporal=dict(
                type=LocalTemporal,
                hidden_dim=_shape(state, f'{visual}.transformer.resblocks.0.lmhra1.down_proj.weight')[0],
                kernel_size=_shape(state, f'{visual}.transformer.resblocks.0.lmhra1.conv.weight')[2],
            ),
        ),
        universal=dict(
            type=UniversalLayers,
            num_layers=layers.universal,
            num_queries=_shape(state, f'{universal}.latents')[0],
            vision_width=vision_width,
            **language,
        ),
        decoder=dict(type=TextDecoder, num_layers=layers.decoder, **words('text_decoder.bert'), **language),
    )
    if with_question:
        network['text_encoder'] = dict(type=BertTextEncoder, num_layers=layers.text, **words('text_encoder'), **language)
        network['fusion'] = dict(type=FusionLayers, num_layers=layers.fusion, **language)
    return network


def _shape(state: Mapping[str, Tensor], key: str) -> torch.Size:
    if key not in state:
        raise CheckpointError(f'the published weights lack {key}, from which a size is read: the file is incomplete')
    return state[key].shape
