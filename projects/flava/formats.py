"""FLAVA's weights with the keys of transformers."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial

from torch import Tensor

from mplug2.checkpoints.formats.adapter import Adapter, Entry, count
from mplug2.checkpoints.formats.bert import bert_embedding, pair
from mplug2.checkpoints.formats.vit import DINO_HF, block_entries
from mplug2.registry import WEIGHT_FORMATS

LAYER = DINO_HF._replace(norms=('layernorm_before', 'layernorm_after'), up='intermediate.dense', down='output.dense', gains=())
flava_layer = partial(block_entries, names=LAYER)


@WEIGHT_FORMATS.register_module()
class FlavaFormat(Adapter):
    """``FlavaModel`` of transformers, also within ``FlavaForPreTraining``.

    Poolers, the mask token and the heads and codebook of pre-training are left out.
    """

    name = 'flava-hf'
    resize_mode = 'bicubic'
    absent = ('vision_encoder.blocks.*.temporal_*', 'vision_encoder.blocks.*.residual_*')

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {'image_to_mm_projection.weight', 'text_to_mm_projection.weight'} <= set(keys)

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without the prefix of models that have it inside."""
        return {key.removeprefix('flava.'): value for key, value in state.items()}

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        layers = (count(state, f'{name}_model.encoder.layer.') for name in ('image', 'text', 'multimodal'))
        return [*self._table(*layers)]

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        prefixes = ('vision_encoder.blocks.', 'text_encoder.layers.', 'fusion.layers.')
        return [*self._table(*(count(state, prefix) for prefix in prefixes))]

    def _table(self, vision: int, text: int, joint: int) -> Iterator[Entry]:
        embeddings = 'image_model.embeddings'
        yield Entry('vision_encoder.class_embedding', (f'{embeddings}.cls_token',), (0, 1))
        yield Entry('vision_encoder.position_embedding', (f'{embeddings}.position_embeddings',), (0,))
        yield from pair('vision_encoder.patch_embedding', f'{embeddings}.patch_embeddings.projection')
        for layer in range(vision):
            yield from flava_layer(f'vision_encoder.blocks.{layer}.layer', f'image_model.encoder.layer.{layer}')
        yield from pair('vision_norm', 'image_model.layernorm')
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
