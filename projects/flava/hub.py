"""Folders of ``FlavaModel`` and ``FlavaForPreTraining``."""

from __future__ import annotations

from mplug2.checkpoints.hub import HubFolder, HubModel, stack, vision_tower
from mplug2.preprocessor import CLIP_MEAN, CLIP_STD
from mplug2.registry import HUB_MODELS

from .formats import FlavaFormat

# What transformers leaves out of a config.json where it is so.
_STACK = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12, layer_norm_eps=1e-12)
IMAGE = dict(image_size=224, patch_size=16, hidden_act='gelu', **_STACK)
TEXT = dict(vocab_size=30522, max_position_embeddings=512, type_vocab_size=2, **_STACK)
IMAGES = dict(size={'height': 224, 'width': 224}, crop_size={'height': 224, 'width': 224}, do_center_crop=True, resample=3)
LENGTH = 77  # tokens of a text


@HUB_MODELS.register_module('flava')
def flava(folder: HubFolder) -> HubModel:
    """Retrieval, and classification by texts. The joint encoder is left out: its pre-trained matching head is not read."""
    image, text = folder.section('image_config', **IMAGE), folder.section('text_config', **TEXT)
    projection_dim = folder.config.get('projection_dim', 768)
    words = dict(vocab_size=text['vocab_size'], max_positions=text['max_position_embeddings'])
    pipelines, data_preprocessor = folder.images(1, **IMAGES, image_mean=CLIP_MEAN, image_std=CLIP_STD)
    model = dict(
        network=dict(
            type='FlavaNetwork',
            vision_encoder=vision_tower(image, pre_norm_embedding=False, patch_bias=True, norm_output=False),
            text_encoder=dict(
                type='BertTextEncoder',
                num_token_types=text['type_vocab_size'],
                norm='pre',
                dropout=0.0,
                **words,
                **stack(text),
            ),
            eps=image['layer_norm_eps'],
        ),
        tasks=dict(
            retrieval=dict(
                type='Retrieval',
                media='image',
                projection_dim=projection_dim,
                head=dict(type='LogitScaleHead', project=True),
                contrastive=dict(type='InBatchContrast'),
            )
        ),
        tokenizers=dict(text=folder.tokenizer()),
        data_preprocessor=data_preprocessor,
    )
    step = dict(type='TokenizeText', key='caption', max_length=min(LENGTH, words['max_positions']))
    return HubModel(model, {**pipelines, 'text': {'retrieval': [step]}}, FlavaFormat())
