"""CLIP's weights, whole: with the keys of HuggingFace, and with those of OpenAI and open_clip."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mplug2.checkpoints.formats.adapter import Entry, StackFormat
from mplug2.checkpoints.formats.bert import pair
from mplug2.checkpoints.formats.vit import (
    TEMPORAL_MODULES,
    ClipFormat,
    HuggingFaceClipFormat,
    clip_block,
    clip_hf_layer,
    clip_hf_vit,
)
from mplug2.registry import WEIGHT_FORMATS

TEXT = 'text_encoder'
TEXT_LAYERS = f'{TEXT}.layers.'


@WEIGHT_FORMATS.register_module()
class ClipModelFormat(StackFormat):
    """``CLIPModel`` of transformers, both towers."""

    name = 'clip-model-hf'
    absent = TEMPORAL_MODULES
    stacks = HuggingFaceClipFormat.stacks | {TEXT_LAYERS: 'text_model.encoder.layers.'}

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {HuggingFaceClipFormat.stem, 'text_model.final_layer_norm.weight', 'visual_projection.weight'} <= set(keys)

    def table(self, vision: int, text: int) -> Iterator[Entry]:
        yield from clip_hf_vit(vision)
        yield from hf_text_tower(text)
        for tower, theirs in (('vision', 'visual'), ('text', 'text')):
            yield Entry(f'{tower}_projection.weight', (f'{theirs}_projection.weight',))
        yield Entry('heads.head.logit_scale', ('logit_scale',))


def hf_text_tower(layers: int, theirs: str = 'text_model') -> Iterator[Entry]:
    """The text tower of CLIP and of what was built on it, with HuggingFace's keys."""
    yield Entry(f'{TEXT}.word.weight', (f'{theirs}.embeddings.token_embedding.weight',))
    yield Entry(f'{TEXT}.positions', (f'{theirs}.embeddings.position_embedding.weight',))
    for layer in range(layers):
        yield from clip_hf_layer(f'{TEXT_LAYERS}{layer}', f'{theirs}.encoder.layers.{layer}')
    yield from pair(f'{TEXT}.norm', f'{theirs}.final_layer_norm')


@WEIGHT_FORMATS.register_module()
class OpenClipModelFormat(StackFormat):
    """OpenAI's CLIP, and open_clip's with the same keys, both towers."""

    name = 'clip-model'
    absent = TEMPORAL_MODULES
    stacks = ClipFormat.stacks | {TEXT_LAYERS: 'transformer.resblocks.'}

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {ClipFormat.stem, 'token_embedding.weight', 'text_projection', 'visual.proj'} <= set(keys)

    def table(self, vision: int, text: int) -> Iterator[Entry]:
        yield from ClipFormat().table(vision)
        yield from open_clip_text_tower(text)
        yield Entry('vision_projection.weight', ('visual.proj',), transposed=True)
        yield Entry('text_projection.weight', ('text_projection',), transposed=True)
        yield Entry('heads.head.logit_scale', ('logit_scale',))


def open_clip_text_tower(layers: int, theirs: str = '') -> Iterator[Entry]:
    """The text tower with OpenAI's keys. theirs: what comes before them."""
    yield Entry(f'{TEXT}.word.weight', (f'{theirs}token_embedding.weight',))
    yield Entry(f'{TEXT}.positions', (f'{theirs}positional_embedding',))
    for layer in range(layers):
        yield from clip_block(f'{TEXT_LAYERS}{layer}', f'{theirs}transformer.resblocks.{layer}')
    yield from pair(f'{TEXT}.norm', f'{theirs}ln_final')
