"""Folders of ``XCLIPModel``."""

from __future__ import annotations

from mplug2.checkpoints.hub import ACTIVATIONS, HubFolder, HubModel, vision_tower
from mplug2.projects.clip.hub import TEXT, text_tower
from mplug2.projects.clip.hub import VISION as CLIP_VISION
from mplug2.registry import HUB_MODELS

from .formats import XclipModelFormat

# What transformers leaves out of a config.json where it is so.
VISION = CLIP_VISION | dict(num_frames=8, mit_intermediate_size=2048, mit_num_hidden_layers=1, mit_num_attention_heads=8)
PROMPTS = dict(projection_dim=512, prompt_layers=2, prompt_num_attention_heads=8, prompt_hidden_act='quick_gelu')
IMAGES = dict(size={'shortest_edge': 224}, crop_size=224, do_center_crop=True, resample=2)
STATISTICS = dict(image_mean=[0.5] * 3, image_std=[0.5] * 3)


@HUB_MODELS.register_module('xclip')
def xclip(folder: HubFolder) -> HubModel:
    """Retrieval of clips, and their classification by texts."""
    text, vision = folder.section('text_config', **TEXT), folder.section('vision_config', **VISION)
    sizes = {**PROMPTS, **folder.config}
    frames, width, eps = vision['num_frames'], sizes['projection_dim'], vision['layer_norm_eps']
    pipelines, data_preprocessor = folder.images(frames, **IMAGES, **STATISTICS)
    model = dict(
        network=dict(
            type='XclipNetwork',
            vision_encoder=vision_tower(vision) | dict(type='CrossFrameEncoder', num_frames=frames),
            text_encoder=text_tower(text),
            temporal=dict(
                type='FrameTransformer',
                width=width,
                num_layers=vision['mit_num_hidden_layers'],
                num_heads=vision['mit_num_attention_heads'],
                ffn_dim=vision['mit_intermediate_size'],
                max_positions=frames,
                activation=ACTIVATIONS[vision['hidden_act']],
                eps=eps,
            ),
            prompts=dict(
                type='VideoPrompts',
                width=width,
                num_layers=sizes['prompt_layers'],
                num_heads=sizes['prompt_num_attention_heads'],
                activation=ACTIVATIONS[sizes['prompt_hidden_act']],
                eps=eps,
            ),
            projection_dim=width,
            eps=eps,
        ),
        tasks=dict(
            retrieval=dict(
                type='PromptedRetrieval',
                projection_dim=width,
                head=dict(type='LogitScaleHead'),
                contrastive=dict(type='PromptedContrast'),
            )
        ),
        tokenizers=dict(text=folder.tokenizer(vocab_size=text['vocab_size'])),
        data_preprocessor=data_preprocessor,
    )
    words = dict(type='TokenizeText', key='caption', max_length=text['max_position_embeddings'])
    return HubModel(model, {'video': pipelines['video'], 'text': {'retrieval': [words]}}, XclipModelFormat())
