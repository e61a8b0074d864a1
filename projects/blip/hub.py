"""Folders of BLIP's models in transformers."""

from __future__ import annotations

from mplug2.checkpoints.errors import CheckpointError
from mplug2.checkpoints.hub import HubFolder, HubModel, stack, vision_tower
from mplug2.preprocessor import CLIP_MEAN, CLIP_STD
from mplug2.registry import HUB_MODELS

from .formats import BlipFormat

# What transformers leaves out of a config.json where it is so.
TEXT = dict(vocab_size=30524, hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=8)
TEXT |= dict(max_position_embeddings=512, layer_norm_eps=1e-12, bos_token_id=30522, sep_token_id=102, pad_token_id=0)
VISION = dict(hidden_size=768, intermediate_size=3072, num_hidden_layers=12, num_attention_heads=12)
VISION |= dict(image_size=384, patch_size=16, hidden_act='gelu', layer_norm_eps=1e-5)
IMAGES = dict(size={'height': 384, 'width': 384}, resample=3, image_mean=CLIP_MEAN, image_std=CLIP_STD)
VIT = dict(pre_norm_embedding=False, patch_bias=True)  # what its ViT has of its own


@HUB_MODELS.register_module('blip')
def blip(folder: HubFolder) -> HubModel:
    """Captions, answers, or retrieval, by the class that was saved."""
    text, vision = folder.section('text_config', **TEXT), folder.section('vision_config', **VISION)
    layers = stack(text) | dict(memory_width=vision['hidden_size'])
    words = dict(vocab_size=text['vocab_size'], max_positions=text['max_position_embeddings'], num_token_types=0)
    embedding = dict(type='BertTextEncoder', **words, **stack(text | dict(num_hidden_layers=0)))
    parts = dict(
        text_encoder=embedding,
        fusion=dict(type='FusionLayers', **layers),
        decoder=dict(type='TextDecoder', **words, **layers),
    )
    special = dict(start=text['bos_token_id'], end=text['sep_token_id'], pad=text['pad_token_id'])
    tokenizer = folder.tokenizer(vocab_size=text['vocab_size'], **special)
    generation = folder.generation()
    retrieval = dict(
        type='Retrieval',
        media='image',
        projection_dim=folder.config.get('image_text_hidden_size', 256),
        contrastive=dict(type='InBatchContrast'),
        matching=dict(type='HardNegativeMatching'),
    )
    # Class -> task, its config, parts of the network beside vision, key of its texts.
    kinds: dict[str, tuple[str, dict, tuple[str, ...], str | None]] = {
        'BlipForConditionalGeneration': (
            'captioning',
            dict(type='Captioning', media='image', condition='vision', generation=generation),
            ('decoder',),
            None,
        ),
        'BlipForQuestionAnswering': (
            'answering',
            dict(type='QuestionAnswering', media='image', generation=generation),
            ('text_encoder', 'fusion', 'decoder'),
            'question',
        ),
        'BlipForImageTextRetrieval': ('retrieval', retrieval, ('text_encoder', 'fusion'), 'caption'),
    }
    if folder.architecture not in kinds:
        raise CheckpointError(f'{folder.path} holds a {folder.architecture or "model"}; of BLIP {", ".join(kinds)} are known')
    name, task, needed, key = kinds[folder.architecture]
    pipelines, data_preprocessor = folder.images(8, **IMAGES)
    network = dict(type='BlipNetwork', vision_encoder=vision_tower(vision, **VIT), **{part: parts[part] for part in needed})
    model = dict(network=network, tasks={name: task}, tokenizer=tokenizer, data_preprocessor=data_preprocessor)
    steps = {} if key is None else {name: [dict(type='TokenizeText', key=key, max_length=text['max_position_embeddings'])]}
    return HubModel(model, {**pipelines, 'text': steps}, BlipFormat())
