"""ALBEF's published weights: pre-trained, and fine-tuned for retrieval, grounding and questions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Adapter, Entry, count
from mplug2.checkpoints.formats.bert import bert_embedding, bert_layer, head_copies, pair, prediction_head
from mplug2.checkpoints.formats.vit import BLOCKS, TEMPORAL_MODULES, TIMM, StemNames, blocks, vit_stem
from mplug2.registry import WEIGHT_FORMATS

# Names of the heads that a file may have -> those of tasks.
HEADS = {
    'vision_proj': 'heads.head.vision_projection',
    'text_proj': 'heads.head.text_projection',
    'itm_head': 'heads.matching.classifier',
}


@WEIGHT_FORMATS.register_module()
class AlbefFormat(Adapter):
    """ALBEF fine-tuned: retrieval and grounding, or questions with a decoder.

    Momentum encoder and queues are left out: a training begins them anew.
    """

    name = 'albef'
    absent = TEMPORAL_MODULES
    resize_mode = 'bicubic'
    bert = 'text_encoder'  # what BERT is under

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        # The first layers only encode text: with attention to the image in all of them it is BLIP's.
        keys, layers = set(keys), f'{cls.bert}.encoder.layer'
        return (
            'visual_encoder.cls_token' in keys
            and f'{layers}.0.attention.self.query.weight' in keys
            and f'{layers}.0.crossattention.self.query.weight' not in keys
            and any('.crossattention.' in key for key in keys)
        )

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        layers = count(state, f'{self.bert}.encoder.layer.')
        fusion = sum(f'{self.bert}.encoder.layer.{n}.crossattention.self.query.weight' in state for n in range(layers))
        vision = count(state, 'visual_encoder.blocks.')
        decoder = count(state, 'text_decoder.bert.encoder.layer.')
        entries = self._table(vision, layers - fusion, fusion, decoder)
        return [*entries, *self._heads(state)]

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        prefixes = (BLOCKS, 'text_encoder.layers.', 'fusion.layers.', 'decoder.layers.')
        return [*self._table(*(count(state, prefix) for prefix in prefixes)), *self._heads(state)]

    def _table(self, vision: int, text: int, fusion: int, decoder: int) -> Iterator[Entry]:
        yield from vit_stem(StemNames(), 'visual_encoder.')
        yield from blocks(vision, 'visual_encoder.blocks.', TIMM)
        yield from bert_embedding('text_encoder.embedding', f'{self.bert}.embeddings')
        for layer in range(text):
            yield from bert_layer(f'text_encoder.layers.{layer}', f'{self.bert}.encoder.layer.{layer}', cross=False)
        for layer in range(fusion):
            yield from bert_layer(f'fusion.layers.{layer}', f'{self.bert}.encoder.layer.{text + layer}', cross=True)
        if decoder:
            yield from bert_embedding('decoder.embedding', 'text_decoder.bert.embeddings')
            yield from prediction_head('decoder.head', 'text_decoder.cls.predictions')
        for layer in range(decoder):
            yield from bert_layer(f'decoder.layers.{layer}', f'text_decoder.bert.encoder.layer.{layer}', cross=True)

    def _heads(self, state: Mapping[str, Tensor]) -> Iterator[Entry]:
        """Those that a state dict has, of theirs or of ours."""
        for theirs, ours in HEADS.items():
            if f'{theirs}.weight' in state or f'{ours}.weight' in state:
                yield from pair(ours, theirs)
        if 'temp' in state or 'heads.head.temperature' in state:
            yield Entry('heads.head.temperature', ('temp',))

    def copies(self) -> dict[str, str]:
        return head_copies('text_decoder.cls.predictions', 'text_decoder.bert.embeddings.word_embeddings.weight')


@WEIGHT_FORMATS.register_module()
class AlbefPretrainFormat(AlbefFormat):
    """ALBEF as pre-trained (``ALBEF.pth``), with the head of masked words."""

    name = 'albef-pretrain'
    bert = 'text_encoder.bert'

    def _heads(self, state: Mapping[str, Tensor]) -> Iterator[Entry]:
        yield from super()._heads(state)
        if 'text_encoder.cls.predictions.bias' in state or 'heads.head.dense.weight' in state:
            yield from prediction_head('heads.head', 'text_encoder.cls.predictions')

    def copies(self) -> dict[str, str]:
        return head_copies('text_encoder.cls.predictions', 'text_encoder.bert.embeddings.word_embeddings.weight')
