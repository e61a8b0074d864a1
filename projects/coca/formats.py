"""CoCa's weights with open_clip's keys."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mplug2.checkpoints.formats.adapter import Entry, StackFormat
from mplug2.checkpoints.formats.bert import pair, split_projection
from mplug2.checkpoints.formats.vit import BLOCKS, CLIP, TEMPORAL_MODULES, blocks, clip_block
from mplug2.projects.clip.formats import open_clip_text_tower
from mplug2.registry import WEIGHT_FORMATS


@WEIGHT_FORMATS.register_module()
class CocaFormat(StackFormat):
    """CoCa of open_clip."""

    name = 'coca'
    absent = TEMPORAL_MODULES
    stacks = {
        BLOCKS: 'visual.transformer.resblocks.',
        'text_encoder.layers.': 'text.transformer.resblocks.',
        'multimodal.layers.': 'text_decoder.cross_attn.',
    }

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {'visual.attn_pool.query', 'text.cls_emb', 'text_decoder.ln_final.weight'} <= set(keys)

    def table(self, vision: int, text: int, multimodal: int) -> Iterator[Entry]:
        yield Entry('vision_encoder.patch_embedding.weight', ('visual.conv1.weight',))
        yield Entry('vision_encoder.class_embedding', ('visual.class_embedding',))
        yield Entry('vision_encoder.position_embedding', ('visual.positional_embedding',))
        yield from pair('vision_encoder.norm_before', 'visual.ln_pre')
        yield from blocks(vision, self.stacks[BLOCKS], CLIP)
        yield from self._pooling('vision_pooling', 'visual.attn_pool')
        yield Entry('vision_projection.weight', ('visual.proj',), transposed=True)
        yield from open_clip_text_tower(text, 'text.')
        yield Entry('text_encoder.class_token', ('text.cls_emb',))
        yield Entry('text_projection.weight', ('text.text_projection',), transposed=True)
        for layer in range(multimodal):
            yield from self._multimodal(f'multimodal.layers.{layer}', layer)
        yield from pair('multimodal.norm', 'text_decoder.ln_final')
        yield Entry('multimodal.words.weight', ('text_decoder.text_projection',), transposed=True)
        yield Entry('heads.head.logit_scale', ('logit_scale',))

    def _pooling(self, ours: str, theirs: str) -> Iterator[Entry]:
        yield Entry(f'{ours}.queries', (f'{theirs}.query',))
        yield from pair(f'{ours}.norm_queries', f'{theirs}.ln_q')
        yield from pair(f'{ours}.norm_tokens', f'{theirs}.ln_k')
        yield Entry(f'{ours}.attention.query.weight', (f'{theirs}.attn.q_proj_weight',))
        yield Entry(f'{ours}.attention.key_value.weight', (f'{theirs}.attn.k_proj_weight', f'{theirs}.attn.v_proj_weight'))
        yield Entry(f'{ours}.attention.query.bias', (f'{theirs}.attn.in_proj_bias',), rows=(0, 1, 3))
        yield Entry(f'{ours}.attention.key_value.bias', (f'{theirs}.attn.in_proj_bias',), rows=(1, 3, 3))
        yield from pair(f'{ours}.attention.out', f'{theirs}.attn.out_proj')
        yield from pair(f'{ours}.norm', 'visual.ln_post')

    def _multimodal(self, ours: str, layer: int) -> Iterator[Entry]:
        yield from clip_block(f'{ours}.text_layer', f'text_decoder.resblocks.{layer}')
        theirs = f'text_decoder.cross_attn.{layer}'
        yield from split_projection(f'{ours}.cross_attention', f'{theirs}.attn')
        yield from pair(f'{ours}.cross_attention.out', f'{theirs}.attn.out_proj')
        yield from pair(f'{ours}.cross_residual.norm', f'{theirs}.ln_1')
        yield from pair(f'{ours}.norm_memory', f'{theirs}.ln_1_kv')
        yield from pair(f'{ours}.feed_forward.up', f'{theirs}.mlp.c_fc')
        yield from pair(f'{ours}.feed_forward.down', f'{theirs}.mlp.c_proj')
        yield from pair(f'{ours}.feed_forward_residual.norm', f'{theirs}.ln_2')
