"""SigLIP's weights with the keys of transformers; SigLIP 2 at one resolution has the same."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mplug2.checkpoints.formats.adapter import Entry, StackFormat
from mplug2.checkpoints.formats.bert import pair, split_projection
from mplug2.checkpoints.formats.vit import clip_hf_layer
from mplug2.projects.clip import ClipModelFormat
from mplug2.projects.clip.formats import hf_text_tower
from mplug2.registry import WEIGHT_FORMATS


@WEIGHT_FORMATS.register_module()
class SiglipModelFormat(StackFormat):
    """``SiglipModel`` of transformers."""

    name = 'siglip-hf'
    resize_mode = 'bicubic'
    stacks = ClipModelFormat.stacks

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {'vision_model.head.probe', 'text_model.head.weight', 'logit_bias'} <= set(keys)

    def table(self, vision: int, text: int) -> Iterator[Entry]:
        embeddings, head = 'vision_model.embeddings', 'vision_model.head'
        yield from pair('vision_encoder.patch_embedding', f'{embeddings}.patch_embedding')
        yield Entry('vision_encoder.positions', (f'{embeddings}.position_embedding.weight',))
        for layer in range(vision):
            yield from clip_hf_layer(f'vision_encoder.blocks.{layer}', f'vision_model.encoder.layers.{layer}')
        yield from pair('vision_encoder.norm', 'vision_model.post_layernorm')
        yield Entry('vision_pooling.probe', (f'{head}.probe',), (0,))
        yield from split_projection('vision_pooling.attention', f'{head}.attention')
        yield from pair('vision_pooling.attention.out', f'{head}.attention.out_proj')
        yield from pair('vision_pooling.norm', f'{head}.layernorm')
        yield from pair('vision_pooling.feed_forward.up', f'{head}.mlp.fc1')
        yield from pair('vision_pooling.feed_forward.down', f'{head}.mlp.fc2')
        yield from hf_text_tower(text)
        yield from pair('text_projection', 'text_model.head')
        for name in ('logit_scale', 'logit_bias'):
            yield Entry(f'heads.head.{name}', (name,), (0,))
