"""CLIP's weights, whole: with the keys of HuggingFace, and with those of OpenAI and open_clip."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Adapter, Entry, count
from mplug2.checkpoints.formats.bert import pair
from mplug2.checkpoints.formats.vit import OURS as VISION
from mplug2.checkpoints.formats.vit import (
    ClipFormat,
    HuggingFaceClipFormat,
    clip_block,
    clip_hf_layer,
)
from mplug2.registry import WEIGHT_FORMATS

TEXT = 'text_encoder'


class TwoTowers(Adapter):
    """Base of formats with a vision and a text tower, whose numbers of layers are read off the keys.

    Attributes:
        vision_layers, text_layers: what numbered layers are under.
    """

    vision_layers: str
    text_layers: str

    def table(self, vision: int, text: int) -> Iterator[Entry]:
        """The table of so many layers."""
        raise NotImplementedError

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        entries = self.table(count(state, self.vision_layers), count(state, self.text_layers))
        return entries

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        return [*self.table(count(state, f'{VISION}.blocks.'), count(state, f'{TEXT}.layers.'))]


@WEIGHT_FORMATS.register_module()
class ClipModelFormat(TwoTowers):
    """``CLIPModel`` of transformers, both towers."""

    name = 'clip-model-hf'
    absent = HuggingFaceClipFormat.absent
    vision_layers = HuggingFaceClipFormat.blocks
    text_layers = 'text_model.encoder.layers.'

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {HuggingFaceClipFormat.stem, 'text_model.final_layer_norm.weight', 'visual_projection.weight'} <= set(keys)

    def table(self, vision: int, text: int) -> Iterator[Entry]:
        yield from HuggingFaceClipFormat().table(vision)
        yield from hf_text_tower(range(text))
        for tower, theirs in (('vision', 'visual'), ('text', 'text')):
            yield Entry(f'{tower}_projection.weight', (f'{theirs}_projection.weight',))
        yield Entry('heads.head.logit_scale', ('logit_scale',))


def hf_text_tower(layers: Iterable[int], theirs: str = 'text_model') -> Iterator[Entry]:
    """The text tower of CLIP and of what was built on it, with HuggingFace's keys."""
    yield Entry(f'{TEXT}.word.weight', (f'{theirs}.embeddings.token_embedding.weight',))
    yield Entry(f'{TEXT}.positions', (f'{theirs}.embeddings.position_embedding.weight',))
    for layer in layers:
        yield from clip_hf_layer(f'{TEXT}.layers.{layer}', f'{theirs}.encoder.layers.{layer}')
    yield from pair(f'{TEXT}.norm', f'{theirs}.final_layer_norm')


@WEIGHT_FORMATS.register_module()
class OpenClipModelFormat(TwoTowers):
    """OpenAI's CLIP, and open_clip's with the same keys, both towers."""

    name = 'clip-model'
    absent = ClipFormat.absent
    vision_layers = ClipFormat.blocks
    text_layers = 'transformer.resblocks.'

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
    """The text tower with OpenAI's keys. theirs: what stands before them."""
    yield Entry(f'{TEXT}.word.weight', (f'{theirs}token_embedding.weight',))
    yield Entry(f'{TEXT}.positions', (f'{theirs}positional_embedding',))
    for layer in range(layers):
        yield from clip_block(f'{TEXT}.layers.{layer}', f'{theirs}transformer.resblocks.{layer}')
    yield from pair(f'{TEXT}.norm', f'{theirs}ln_final')
