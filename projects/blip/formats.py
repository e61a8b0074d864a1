"""BLIP's weights: with the keys of HuggingFace, and with those that its authors published."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Entry, StackFormat
from mplug2.checkpoints.formats.bert import bert_embedding, bert_layer, pair, prediction_head
from mplug2.checkpoints.formats.vit import BLOCKS, CLIP_HF, TEMPORAL_MODULES, TIMM, BlockNames, StemNames, blocks, vit_stem
from mplug2.registry import WEIGHT_FORMATS

WORDS = 'embeddings.word_embeddings.weight'
HEAD = 'text_decoder.cls.predictions'
DECODER = 'text_decoder.bert'
TEXT_STACKS = {'fusion.layers.': 'text_encoder.encoder.layer.', 'decoder.layers.': f'{DECODER}.encoder.layer.'}


class _Blip(StackFormat):
    """Base of both: only the vision's keys differ."""

    absent = TEMPORAL_MODULES
    resize_mode = 'bicubic'
    vision: str  # prefix of the vision's keys
    stem: StemNames
    block: BlockNames

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """With the bias of the prediction head that is added, ``decoder.bias``; files of tied weights hold its other name."""
        state = dict(state)
        if f'{HEAD}.decoder.bias' not in state and f'{HEAD}.bias' in state:
            state[f'{HEAD}.decoder.bias'] = state[f'{HEAD}.bias']
        return state

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        own = {f'{cls.vision}{cls.stem.class_token}', f'{cls.stacks[BLOCKS]}0.{cls.block.out}.weight'}
        words = {f'text_encoder.{WORDS}', f'{DECODER}.{WORDS}'} & set(keys)
        return own <= set(keys) and bool(words) and not any('token_type_embeddings' in key for key in keys)

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        heads = (entry for entry in self._heads() if entry.theirs[0] in state)
        return [*super().file_entries(state), *heads]

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        heads = (entry for entry in self._heads() if entry.ours in state)
        return [*super().network_entries(state), *heads]

    def from_mplug2(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        foreign = super().from_mplug2(state)
        if f'{HEAD}.decoder.bias' in foreign:  # written twice, as both are kept
            foreign[f'{HEAD}.bias'] = foreign[f'{HEAD}.decoder.bias']
            foreign[f'{HEAD}.decoder.weight'] = foreign[f'{DECODER}.{WORDS}']
        return foreign

    def copies(self) -> dict[str, str]:
        return {f'{HEAD}.decoder.weight': f'{DECODER}.{WORDS}'}

    def vision_tower(self, layers: int) -> Iterator[Entry]:
        """The table of the ViT."""
        yield from vit_stem(self.stem, self.vision)
        yield from blocks(layers, self.stacks[BLOCKS], self.block)

    def table(self, vision: int, text: int, decoder: int) -> Iterator[Entry]:
        """The table of so many layers of each; a part of text with 0 is left out."""
        yield from self.vision_tower(vision)
        if text:
            yield from bert_embedding('text_encoder.embedding', 'text_encoder.embeddings', segments=False)
        for number in range(text):
            yield from bert_layer(f'fusion.layers.{number}', f'text_encoder.encoder.layer.{number}', cross=True)
        if decoder:
            yield from bert_embedding('decoder.embedding', f'{DECODER}.embeddings', segments=False)
            *head, _ = prediction_head('decoder.head', HEAD)
            yield from head
            yield Entry('decoder.head.bias', (f'{HEAD}.decoder.bias',))
        for number in range(decoder):
            yield from bert_layer(f'decoder.layers.{number}', f'{DECODER}.encoder.layer.{number}', cross=True)

    def _heads(self) -> Iterator[Entry]:
        yield from pair('heads.head.vision_projection', 'vision_proj')
        yield from pair('heads.head.text_projection', 'text_proj')
        yield from pair('heads.matching.classifier', 'itm_head')


@WEIGHT_FORMATS.register_module()
class BlipFormat(_Blip):
    """``BlipForConditionalGeneration``, ``BlipForQuestionAnswering`` and ``BlipForImageTextRetrieval`` of transformers."""

    name = 'blip-hf'
    absent = (*_Blip.absent, 'heads.head.temperature')
    vision = 'vision_model.'
    stacks = {BLOCKS: 'vision_model.encoder.layers.', **TEXT_STACKS}
    stem = StemNames(
        'embeddings.class_embedding', 'embeddings.position_embedding', 'embeddings.patch_embedding', 'post_layernorm'
    )
    block = CLIP_HF._replace(qkv=('self_attn.qkv.',), out='self_attn.projection')


@WEIGHT_FORMATS.register_module()
class BlipPublishedFormat(_Blip):
    """The authors' files; momentum encoders and queues are left out."""

    name = 'blip'
    vision = 'visual_encoder.'
    stacks = {BLOCKS: 'visual_encoder.blocks.', **TEXT_STACKS}
    stem, block = StemNames(), TIMM

    def _heads(self) -> Iterator[Entry]:
        yield from super()._heads()
        yield Entry('heads.head.temperature', ('temp',))
