"""Folders of ``CLIPModel``."""

from __future__ import annotations

from typing import Any

from mplug2.checkpoints.hub import ACTIVATIONS, HubFolder, HubModel, stack, vision_tower
from mplug2.preprocessor import CLIP_MEAN, CLIP_STD
from mplug2.registry import HUB_MODELS

from .formats import ClipModelFormat

# What transformers leaves out of a config.json where it is so.
TEXT = dict(
    vocab_size=49408,
    hidden_size=512,
    intermediate_size=2048,
    num_hidden_layers=12,
    num_attention_heads=8,
    max_position_embeddings=77,
    hidden_act='quick_gelu',
    layer_norm_eps=1e-5,
)
VISION = dict(
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    image_size=224,
    patch_size=32,
    hidden_act='quick_gelu',
    layer_norm_eps=1e-5,
)
IMAGES = dict(size={'shortest_edge': 224}, crop_size=224, do_center_crop=True, resample=3)
FRAMES = 12  # of a clip, as CLIP4Clip takes on MSRVTT


def text_tower(sizes: dict[str, Any]) -> dict[str, Any]:
    """Config of CLIP's text encoder."""
    words = dict(vocab_size=sizes['vocab_size'], max_positions=sizes['max_position_embeddings'])
    return dict(type='CausalTextEncoder', activation=ACTIVATIONS[sizes['hidden_act']], **words, **stack(sizes))


@HUB_MODELS.register_module('clip')
def clip(folder: HubFolder) -> HubModel:
    """Retrieval, and classification by texts."""
    text, vision = folder.section('text_config', **TEXT), folder.section('vision_config', **VISION)
    projection_dim = folder.config.get('projection_dim') or 512
    pipelines, data_preprocessor = folder.images(FRAMES, **IMAGES, image_mean=CLIP_MEAN, image_std=CLIP_STD)
    model = dict(
        network=dict(
            type='ClipNetwork',
            vision_encoder=vision_tower(vision),
            text_encoder=text_tower(text),
            projection_dim=projection_dim,
        ),
        tasks=dict(
            retrieval=dict(
                type='Retrieval',
                media=['image', 'video'],
                projection_dim=projection_dim,
                head=dict(type='LogitScaleHead'),
                contrastive=dict(type='InBatchContrast'),
            )
        ),
        tokenizers=dict(text=folder.tokenizer(vocab_size=text['vocab_size'])),
        data_preprocessor=data_preprocessor,
    )
    words = dict(type='TokenizeText', key='caption', max_length=text['max_position_embeddings'])
    return HubModel(model, {**pipelines, 'text': {'retrieval': [words]}}, ClipModelFormat())
