"""The authors' published files: caption, question answering and pre-training checkpoints."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from torch import Tensor, nn

from ...registry import WEIGHT_FORMATS
from ..errors import CheckpointError
from .adapter import Adapter, Entry, count
from .bert import bert_attention, bert_embedding, bert_layer, head_copies, pair, prediction_head
from .vit import clip_block, clip_stem

# How many of the fusion layers stored are used; the files do not say. Base stores 12, Large 24.
USED_FUSION_LAYERS = {12: 3, 24: 6}
PARTS = ('vision_encoder', 'text_encoder', 'universal', 'fusion', 'decoder')

_VISUAL = 'visual_encoder.visual'
_TEXT = 'text_encoder'
_FUSION = 'fusion_encoder'
_DECODER = 'text_decoder'


class ReleaseLayers(NamedTuple):
    """Layer counts. text: the universal ones not counted. stored: in the file's fusion encoder, of which the last `fusion`
    are used. projected: the vision width differs from the text width."""

    vision: int
    text: int
    universal: int
    stored: int
    fusion: int
    decoder: int
    projected: bool


@WEIGHT_FORMATS.register_module()
class ReleaseFormat(Adapter):
    """The published state dicts.

    Args:
        fusion_layers: how many of the stored fusion layers are used, counted from the last. None: 3 of 12, 6 of 24; another
            stored number is an error where fusion layers are wanted, because the file does not say.
    """

    name = 'release'

    def __init__(self, fusion_layers: int | None = None) -> None:
        self.fusion_layers = fusion_layers

    @classmethod
    def for_network(cls, network: nn.Module, parts: Collection[str]) -> ReleaseFormat:
        """As many fusion layers are used as the network has."""
        return cls(None if network.fusion is None else len(network.fusion.layers))

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return any(key.startswith(f'{_VISUAL}.') for key in keys)

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without the ``bert`` level that pre-training files have in text and fusion encoder."""

        def spelling(key: str) -> str:
            if key.startswith('bert.'):
                key = f'{_TEXT}.{key.removeprefix("bert.")}'
            return re.sub(rf'^({_TEXT}|{_FUSION})\.bert\.', r'\1.', key)

        return {spelling(key): value for key, value in state.items()}

    def file_layers(self, state: Mapping[str, Tensor], with_fusion: bool = True) -> ReleaseLayers:
        """Layer counts of a cleaned state dict.

        Raises:
            CheckpointError: how many fusion layers are used is neither given nor known, or more than are stored.
        """
        text = count(state, f'{_TEXT}.encoder.layer.')
        universal = len(
            {key.split('.')[3] for key in state if re.match(rf'{_TEXT}\.encoder\.layer\.\d+\.crossattention\.', key)}
        )
        stored = count(state, f'{_FUSION}.encoder.layer.')
        used = self.fusion_layers if self.fusion_layers is not None else USED_FUSION_LAYERS.get(stored)
        if not with_fusion or stored == 0:
            used = 0
        elif used is None or used > stored:
            known = ', '.join(f'{few} of {all_}' for all_, few in USED_FUSION_LAYERS.items())
            raise CheckpointError(
                f'the file stores {stored} fusion layers and does not say how many of them are used (published: {known}): '
                f'give fusion_layers, at most {stored}'
            )
        return ReleaseLayers(
            count(state, f'{_VISUAL}.transformer.resblocks.'),
            text - universal,
            universal,
            stored,
            used,
            count(state, f'{_DECODER}.bert.encoder.layer.'),
            'visn_fc.weight' in state,
        )

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        return self.table(self.file_layers(state, parts is None or 'fusion' in parts))

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        """The used fusion layers are written as the last of as many as the text layers, as published."""
        text, universal = count(state, 'text_encoder.layers.'), count(state, 'universal.layers.')
        fusion = count(state, 'fusion.layers.')
        held = {key.split('.')[0] for key in state}
        layers = ReleaseLayers(
            count(state, 'vision_encoder.blocks.'),
            text,
            universal,
            max(text + universal, fusion),
            fusion,
            count(state, 'decoder.layers.'),
            'universal.projection.0.weight' in state,
        )
        return self.table(layers, held)

    def table(self, layers: ReleaseLayers, parts: Collection[str] | None = None) -> list[Entry]:
        """The table at the given layer counts."""
        entries = [
            *self._vision(layers),
            *self._text(layers),
            *self._universal(layers),
            *self._fusion(layers),
            *self._decoder(layers),
        ]
        return [entry for entry in entries if parts is None or entry.part in parts]

    def from_mplug2(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Keys of `Network` -> published ones, the tied copies among them.

        Raises:
            CheckpointError: the network has no part that the format knows.
        """
        published = super().from_mplug2(state)
        return published | {copy: published[original] for copy, original in self.copies().items() if original in published}

    def copies(self) -> dict[str, str]:
        return head_copies(f'{_DECODER}.cls.predictions', f'{_DECODER}.bert.embeddings.word_embeddings.weight')

    def _vision(self, layers: ReleaseLayers) -> Iterator[Entry]:
        if layers.vision:
            yield from clip_stem(_VISUAL, (2,))
        for layer in range(layers.vision):
            block, resblock = f'vision_encoder.blocks.{layer}', f'{_VISUAL}.transformer.resblocks.{layer}'
            for place, name in (('before_attention', 'lmhra1'), ('before_ffn', 'lmhra2')):
                temporal, old = f'{block}.temporal_{place}', f'{resblock}.{name}'
                yield from pair(f'{block}.residual_{place}.norm', f'{old}.ln')
                for part, old_part in (('down', 'down_proj'), ('up', 'up_proj')):
                    yield Entry(f'{temporal}.{part}.weight', (f'{old}.{old_part}.weight',), (2, 3, 4))
                    yield Entry(f'{temporal}.{part}.bias', (f'{old}.{old_part}.bias',))
                yield Entry(f'{temporal}.kernel', (f'{old}.conv.weight',), (1, 3, 4))
                yield Entry(f'{temporal}.bias', (f'{old}.conv.bias',))
            yield from clip_block(f'{block}.layer', resblock)

    def _text(self, layers: ReleaseLayers) -> Iterator[Entry]:
        if layers.text:
            yield from bert_embedding('text_encoder.embedding', f'{_TEXT}.embeddings')
        for layer in range(layers.text):
            yield from bert_layer(f'text_encoder.layers.{layer}', f'{_TEXT}.encoder.layer.{layer}', cross=False)

    def _universal(self, layers: ReleaseLayers) -> Iterator[Entry]:
        if not layers.universal:
            return
        yield Entry('universal.queries', (f'{_TEXT}.encoder.layer.{layers.text}.latents',))
        for layer in range(layers.universal):
            theirs = f'{_TEXT}.encoder.layer.{layers.text + layer}'
            yield from bert_layer(f'universal.layers.{layer}', theirs, cross=False)
            yield from bert_attention(f'universal.layers.{layer}', f'{theirs}.crossattention', cross=True)
        yield from pair('universal.merge_norm', 'visn_emb_norm')
        if layers.projected:
            yield from pair('universal.projection.0', 'visn_fc')
            yield from pair('universal.projection.1', 'visn_layer_norm')

    def _fusion(self, layers: ReleaseLayers) -> Iterator[Entry]:
        first = layers.stored - layers.fusion
        for layer in range(layers.fusion):
            yield from bert_layer(f'fusion.layers.{layer}', f'{_FUSION}.encoder.layer.{first + layer}', cross=True)

    def _decoder(self, layers: ReleaseLayers) -> Iterator[Entry]:
        if layers.decoder:
            yield from bert_embedding('decoder.embedding', f'{_DECODER}.bert.embeddings')
            yield from prediction_head('decoder.head', f'{_DECODER}.cls.predictions')
        for layer in range(layers.decoder):
            yield from bert_layer(f'decoder.layers.{layer}', f'{_DECODER}.bert.encoder.layer.{layer}', cross=True)
