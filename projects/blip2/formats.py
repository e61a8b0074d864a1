"""BLIP-2's weights with the keys of HuggingFace."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Adapter, Entry, count
from mplug2.checkpoints.formats.bert import bert_attention, pair
from mplug2.projects.blip import BlipFormat
from mplug2.registry import WEIGHT_FORMATS

QUERIES = 'vision_decoder'  # the connection where the Q-Former is
LANGUAGE = 'language_model.'
MODEL = 'decoder.model.'
HEAD, WORDS = 'lm_head.weight', 'embed_tokens.weight'


@WEIGHT_FORMATS.register_module()
class Blip2Format(Adapter):
    """``Blip2ForConditionalGeneration`` of transformers with a causal language model, whichever that is."""

    name = 'blip-2-hf'
    absent = BlipFormat.absent

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {'query_tokens', 'language_projection.weight'} <= set(keys)

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        crossing = {key.split('.')[3] for key in state if '.crossattention.' in key}
        words = [key.removeprefix(LANGUAGE) for key in state if key.startswith(LANGUAGE)]
        sizes = (count(state, 'vision_model.encoder.layers.'), count(state, 'qformer.encoder.layer.'))
        entries = [*self._table(*sizes, {*map(int, crossing)}, words)]
        if words and HEAD not in words:  # tied, and so left out of the file
            entries.append(Entry(MODEL + HEAD, tuple(LANGUAGE + key for key in words if key.endswith(WORDS))))
        return entries

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        crossing = {int(key.split('.')[2]) for key in state if key.startswith(QUERIES) and '.cross_attention.' in key}
        words = [
            re.sub(r'(\.\d+)\.layer\.', r'\1.', key.removeprefix(MODEL), count=1) for key in state if key.startswith(MODEL)
        ]
        layers = count(state, f'{QUERIES}.layers.')
        return [*self._table(count(state, 'vision_encoder.blocks.'), layers, crossing, words)] if layers else []

    def _table(self, vision: int, layers: int, crossing: Collection[int], words: Collection[str]) -> Iterator[Entry]:
        yield from BlipFormat().vision_tower(vision)
        yield Entry(f'{QUERIES}.queries', ('query_tokens',), (0,))
        yield from pair(f'{QUERIES}.norm', 'qformer.layernorm')
        yield from pair(f'{QUERIES}.projection', 'language_projection')
        for number in range(layers):
            ours, theirs = f'{QUERIES}.layers.{number}', f'qformer.encoder.layer.{number}'
            yield from bert_attention(ours, f'{theirs}.attention', cross=False, inner='attention')
            if number in crossing:
                yield from bert_attention(ours, f'{theirs}.crossattention', cross=True, inner='attention')
            yield from pair(f'{ours}.feed_forward.up', f'{theirs}.intermediate_query.dense')
            yield from pair(f'{ours}.feed_forward.down', f'{theirs}.output_query.dense')
            yield from pair(f'{ours}.feed_forward_residual.norm', f'{theirs}.output_query.LayerNorm')
        for key in words:
            yield Entry(MODEL + re.sub(r'(\.\d+)\.', r'\1.layer.', key, count=1), (LANGUAGE + key,))
