"""Folders of ``SiglipModel``: SigLIP, and SigLIP 2 at one resolution."""

from __future__ import annotations

from mplug2.checkpoints.hub import ACTIVATIONS, HubFolder, HubModel, stack
from mplug2.projects.clip.hub import FRAMES
from mplug2.registry import HUB_MODELS
from mplug2.text import FileTokenizer

from .formats import SiglipModelFormat

# What transformers leaves out of a config.json where it is so.
_STACK = dict(
    hidden_size=768,
    intermediate_size=3072,
    num_hidden_layers=12,
    num_attention_heads=12,
    hidden_act='gelu_pytorch_tanh',
    layer_norm_eps=1e-6,
)
TEXT = dict(vocab_size=32000, max_position_embeddings=64, **_STACK)
VISION = dict(image_size=224, patch_size=16, **_STACK)
IMAGES = dict(size={'height': 224, 'width': 224}, resample=3, image_mean=[0.5] * 3, image_std=[0.5] * 3)


@HUB_MODELS.register_module('siglip')
def siglip(folder: HubFolder) -> HubModel:
    """Retrieval, and classification by texts."""
    text, vision = folder.section('text_config', **TEXT), folder.section('vision_config', **VISION)
    pipelines, data_preprocessor = folder.images(FRAMES, **IMAGES)
    tokenizer = folder.tokenizer(vocab_size=text['vocab_size'], pad=folder.special_token('pad_token') or '</s>')
    layers, words = (stack(part) | dict(activation=ACTIVATIONS[part['hidden_act']]) for part in (vision, text))
    width = vision['hidden_size']
    words |= dict(vocab_size=text['vocab_size'], max_positions=text['max_position_embeddings'])
    words['pad_id'] = FileTokenizer(**{key: value for key, value in tokenizer.items() if key != 'type'}).pad_id
    model = dict(
        network=dict(
            type='SiglipNetwork',
            vision_encoder=dict(
                type='PatchEncoder', image_size=vision['image_size'], patch_size=vision['patch_size'], **layers
            ),
            vision_pooling=dict(
                type='AttentionPooling', **{key: value for key, value in layers.items() if key != 'num_layers'}
            ),
            text_encoder=dict(type='PaddedTextEncoder', **words),
            projection_dim=width,
        ),
        tasks=dict(
            retrieval=dict(
                type='Retrieval',
                media=['image', 'video'],
                projection_dim=width,
                head=dict(type='LogitScaleHead', temperature=0.1, bias=-10.0, largest=None),
                contrastive=dict(type='SigmoidContrast', bias=None),
            )
        ),
        tokenizers=dict(text=tokenizer),
        data_preprocessor=data_preprocessor,
    )
    # SigLIP's tokenizer takes punctuation away; that of SigLIP 2, which is Gemma's, keeps it.
    kind = str(folder.read('tokenizer_config.json').get('tokenizer_class', '')).lower()
    clean = 'lower' if 'gemma' in kind or 'siglip2' in kind else 'canonical'
    step = dict(type='TokenizeText', key='caption', max_length=words['max_positions'], clean=clean)
    return HubModel(model, {**pipelines, 'text': {'retrieval': [step]}}, SiglipModelFormat())
