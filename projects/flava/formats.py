"""FLAVA's weights with the keys of transformers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Entry, StackFormat
from mplug2.checkpoints.formats.bert import bert_embedding, pair
from mplug2.checkpoints.formats.vit import BLOCKS, DINO_HF, HF_STEM, TEMPORAL_MODULES, block_entries, blocks, vit_stem
from mplug2.registry import WEIGHT_FORMATS

LAYER = DINO_HF._replace(norms=('layernorm_before', 'layernorm_after'), up='intermediate.dense', down='output.dense', gains=())
flava_layer = partial(block_entries, names=LAYER)


@WEIGHT_FORMATS.register_module()
class FlavaFormat(StackFormat):
    """``FlavaModel`` of transformers, also within ``FlavaForPreTraining``.

    Poolers, the mask token and the heads and codebook of pre-training are left out.
    """

    name = 'flava-hf'
    resize_mode = 'bicubic'
    absent = TEMPORAL_MODULES
    stacks = {
        BLOCKS: 'image_model.encoder.layer.',
        'text_encoder.layers.': 'text_model.encoder.layer.',
        'fusion.layers.': 'multimodal_model.encoder.layer.',
    }

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {'image_to_mm_projection.weight', 'text_to_mm_projection.weight'} <= set(keys)

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without the prefix of models that have it inside."""
        return {key.removeprefix('flava.'): value for key, value in state.items()}

    def table(self, vision: int, text: int, joint: int) -> Iterator[Entry]:
        yield from vit_stem(HF_STEM, 'image_model.', norm='vision_norm')
        yield from blocks(vision, self.stacks[BLOCKS], LAYER)
        yield from bert_embedding('text_encoder.embedding', 'text_model.embeddings')
        for layer in range(text):
            yield from flava_layer(f'text_encoder.layers.{layer}', f'text_model.encoder.layer.{layer}')
        yield from pair('text_norm', 'text_model.layernorm')
        yield Entry('fusion.class_token', ('multimodal_model.cls_token',), (0, 1))
        for layer in range(joint):
            yield from flava_layer(f'fusion.layers.{layer}', f'multimodal_model.encoder.layer.{layer}')
        yield from pair('fusion.norm', 'multimodal_model.layernorm')
        yield from pair('fusion.vision_projection', 'image_to_mm_projection')
        yield from pair('fusion.text_projection', 'text_to_mm_projection')
        for ours, theirs in (('vision', 'image'), ('text', 'text')):
            yield from pair(f'heads.head.{ours}_projection', f'{theirs}_projection')
        yield Entry('heads.head.logit_scale', ('logit_scale',))
