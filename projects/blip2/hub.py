"""Folders of ``Blip2ForConditionalGeneration``."""

from __future__ import annotations

from mplug2.checkpoints.errors import CheckpointError
from mplug2.checkpoints.hub import HubFolder, HubModel, vision_tower
from mplug2.preprocessor import CLIP_MEAN, CLIP_STD
from mplug2.projects.blip.hub import VIT
from mplug2.registry import HUB_MODELS

from .formats import Blip2Format

# What transformers leaves out of a config.json where it is so.
VISION = dict(hidden_size=1408, intermediate_size=6144, num_hidden_layers=39, num_attention_heads=16)
VISION |= dict(image_size=224, patch_size=14, hidden_act='gelu', layer_norm_eps=1e-6)
QUERIES = dict(hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072)
QUERIES |= dict(cross_attention_frequency=2, layer_norm_eps=1e-12)
TEXT = dict(model_type='opt', vocab_size=50272, bos_token_id=2, eos_token_id=2, pad_token_id=1)
IMAGES = dict(size={'height': 224, 'width': 224}, resample=3, image_mean=CLIP_MEAN, image_std=CLIP_STD)
OF_FILES = ('architectures', 'dtype', 'torch_dtype', 'transformers_version')  # what a config says of a file, not of a model


@HUB_MODELS.register_module('blip-2')
def blip2(folder: HubFolder) -> HubModel:
    """Captions by a causal language model.

    Raises:
        CheckpointError: another class, or a language model that encodes and decodes (T5).
    """
    text, vision = folder.section('text_config', **TEXT), folder.section('vision_config', **VISION)
    queries = folder.section('qformer_config', **QUERIES)
    if folder.architecture != 'Blip2ForConditionalGeneration' or text.get('is_encoder_decoder') or 't5' in text['model_type']:
        raise CheckpointError(
            f'{folder.path} holds a {folder.architecture or "model"} over {text["model_type"]}; of BLIP-2, '
            'Blip2ForConditionalGeneration over a causal language model is known'
        )
    pipelines, data_preprocessor = folder.images(8, **IMAGES)
    former = dict(
        type='QFormer',
        hidden_dim=queries['hidden_size'],
        num_queries=folder.config.get('num_query_tokens') or 32,
        num_layers=queries['num_hidden_layers'],
        num_heads=queries['num_attention_heads'],
        ffn_dim=queries['intermediate_size'],
        cross_every=queries['cross_attention_frequency'],
        eps=queries['layer_norm_eps'],
    )
    language = {key: value for key, value in text.items() if key not in OF_FILES}
    network = dict(
        type='MPlug2Network',
        vision_encoder=vision_tower(vision, **VIT),
        decoder=dict(type='HuggingFaceDecoder', model=language),
        projectors=dict(vision_decoder=former),
    )
    special = dict(start=text['bos_token_id'], end=text['eos_token_id'], pad=text['pad_token_id'])
    captioning = dict(type='Captioning', media='image', condition='vision', generation=folder.generation())
    model = dict(
        network=network,
        tasks=dict(captioning=captioning),
        tokenizer=folder.tokenizer(vocab_size=text['vocab_size'], **special),
        data_preprocessor=data_preprocessor,
    )
    return HubModel(model, {**pipelines, 'text': {}}, Blip2Format())
