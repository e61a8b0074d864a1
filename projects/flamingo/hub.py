"""Folders of ``IdeficsForVisionText2Text``."""

from __future__ import annotations

from mplug2.checkpoints.errors import CheckpointError
from mplug2.checkpoints.hub import HubFolder, HubModel, vision_tower
from mplug2.preprocessor import CLIP_MEAN, CLIP_STD
from mplug2.registry import HUB_MODELS
from mplug2.text import FileTokenizer

from .formats import IdeficsFormat

# What transformers leaves out of a config.json where it is so.
VISION = dict(embed_dim=768, intermediate_size=5120, num_hidden_layers=32, num_attention_heads=16)
VISION |= dict(image_size=224, patch_size=14, hidden_act='gelu', layer_norm_eps=1e-5)
RESAMPLER = dict(resampler_n_latents=64, resampler_depth=6, resampler_n_heads=16, resampler_head_dim=96)
RESAMPLER |= dict(qk_layer_norms_perceiver=False)
TEXT = dict(
    vocab_size=32000,
    additional_vocab_size=0,
    hidden_size=4096,
    intermediate_size=11008,
    num_hidden_layers=32,
    num_attention_heads=32,
    max_position_embeddings=2048,
    rms_norm_eps=1e-6,
    bos_token_id=1,
    eos_token_id=2,
    pad_token_id=0,
    cross_layer_interval=1,
    alpha_type='float',
    qk_layer_norms=False,
    use_resampler=False,
    tie_word_embeddings=False,
)
LANGUAGE = ('hidden_size', 'intermediate_size', 'num_hidden_layers', 'num_attention_heads', 'max_position_embeddings')
LANGUAGE += ('rms_norm_eps', 'bos_token_id', 'eos_token_id', 'pad_token_id')
# The words around an image.
AROUND, IMAGE = '<fake_token_around_image>', '<image>'


@HUB_MODELS.register_module('idefics')
def idefics(folder: HubFolder) -> HubModel:
    """Captions of images.

    Raises:
        CheckpointError: a variant whose parts are not here.
    """
    text, vision = {**TEXT, **folder.config}, folder.section('vision_config', **VISION)
    resampler = folder.section('perceiver_config', **RESAMPLER)
    both = (text['qk_layer_norms'], resampler['qk_layer_norms_perceiver'])
    if not text['use_resampler'] or text['alpha_type'] != 'float' or text['tie_word_embeddings'] or both[0] != both[1]:
        raise CheckpointError(
            f'{folder.path} holds another variant of IDEFICS: a resampler, one number a gate, an output table of its own and '
            'norms of query and key in both attentions or in none are known'
        )
    pipelines, data_preprocessor = folder.images(**images(folder))
    width, vocab_size = vision['embed_dim'], text['vocab_size'] + text['additional_vocab_size']
    tokenizer = folder.tokenizer(vocab_size=vocab_size, start=AROUND, end=text['eos_token_id'], pad=text['pad_token_id'])
    words = FileTokenizer(**{key: value for key, value in tokenizer.items() if key != 'type'})
    language = dict(model_type='llama', vocab_size=vocab_size, **{key: text[key] for key in LANGUAGE})
    network = dict(
        type='GitNetwork',
        vision_encoder=vision_tower(vision | dict(hidden_size=width), norm_output=False),
        projectors=dict(
            vision_decoder=dict(
                type='PerceiverResampler',
                num_latents=resampler['resampler_n_latents'],
                num_layers=resampler['resampler_depth'],
                num_heads=resampler['resampler_n_heads'],
                head_dim=resampler['resampler_head_dim'],
                normalise=both[0],
            )
        ),
        decoder=dict(
            type='GatedDecoder',
            model=language,
            memory_width=width,
            before=[text['bos_token_id'], words.token_id(AROUND)],
            after=[words.token_id(IMAGE)],
            every=text['cross_layer_interval'],
            normalise=both[0],
        ),
    )
    captioning = dict(type='Captioning', media='image', condition='vision', generation=folder.generation())
    model = dict(
        network=network,
        tasks=dict(captioning=captioning),
        tokenizer=tokenizer,
        data_preprocessor=data_preprocessor,
    )
    adapter = IdeficsFormat(text['additional_vocab_size'])
    return HubModel(model, {'image': pipelines['image'], 'text': {}}, adapter)


def images(folder: HubFolder) -> dict:
    """Settings of the image processor, which has one number for the size."""
    side = folder.image_processor.get('image_size', 224)
    return dict(size={'height': side, 'width': side}, resample=3, image_mean=CLIP_MEAN, image_std=CLIP_STD)
