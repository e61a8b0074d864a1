"""Folders of ``GitForCausalLM``."""

from __future__ import annotations

from mplug2.checkpoints.hub import HubFolder, HubModel, vision_tower
from mplug2.preprocessor import CLIP_MEAN, CLIP_STD
from mplug2.projects.clip.hub import VISION as CLIP_VISION
from mplug2.registry import HUB_MODELS

from .formats import GitFormat

# What transformers leaves out of a config.json where it is so.
TEXT = dict(vocab_size=30522, hidden_size=768, num_hidden_layers=6, num_attention_heads=12, intermediate_size=3072)
TEXT |= dict(max_position_embeddings=1024, layer_norm_eps=1e-12, pad_token_id=0, bos_token_id=101, eos_token_id=102)
VISION = CLIP_VISION | dict(patch_size=16)
IMAGES = dict(size={'shortest_edge': 224}, crop_size=224, do_center_crop=True, resample=3)


@HUB_MODELS.register_module('git')
def git(folder: HubFolder) -> HubModel:
    """Captions of images, or of clips where the model has frame embeddings."""
    text, vision = {**TEXT, **folder.config}, folder.section('vision_config', **VISION)
    frames = text.get('num_image_with_embedding')
    pipelines, data_preprocessor = folder.images(frames or 1, **IMAGES, image_mean=CLIP_MEAN, image_std=CLIP_STD)
    network = dict(
        type='GitNetwork',
        vision_encoder=vision_tower(vision),
        frame_embedding=dict(type='FrameEmbedding', num_frames=frames, width=vision['hidden_size']) if frames else None,
        projectors=dict(vision_decoder=dict(type='LinearProjector', eps=vision['layer_norm_eps'])),
        decoder=dict(
            type='PrefixDecoder',
            vocab_size=text['vocab_size'],
            width=text['hidden_size'],
            num_layers=text['num_hidden_layers'],
            num_heads=text['num_attention_heads'],
            ffn_dim=text['intermediate_size'],
            max_positions=text['max_position_embeddings'],
            eps=text['layer_norm_eps'],
        ),
    )
    special = dict(start=text['bos_token_id'], end=text['eos_token_id'], pad=text['pad_token_id'])
    captioning = dict(
        type='Captioning', media='video' if frames else 'image', condition='vision', generation=folder.generation()
    )
    model = dict(
        network=network,
        tasks=dict(captioning=captioning),
        tokenizer=folder.tokenizer(vocab_size=text['vocab_size'], **special),
        data_preprocessor=data_preprocessor,
    )
    return HubModel(model, {**pipelines, 'text': {}}, GitFormat())
