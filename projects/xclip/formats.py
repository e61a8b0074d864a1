"""X-CLIP's weights with the keys of HuggingFace."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mplug2.checkpoints.formats.adapter import Entry, StackFormat
from mplug2.checkpoints.formats.bert import fused, pair
from mplug2.checkpoints.formats.vit import BLOCKS, clip_hf_layer, clip_hf_vit
from mplug2.projects.clip.formats import ClipModelFormat, hf_text_tower
from mplug2.registry import WEIGHT_FORMATS


@WEIGHT_FORMATS.register_module()
class XclipModelFormat(StackFormat):
    """``XCLIPModel`` of transformers."""

    name = 'xclip-hf'
    resize_mode = 'bicubic'
    stacks = ClipModelFormat.stacks | {
        'temporal.layers.': 'mit.encoder.layers.',
        'prompts.layers.': 'prompts_generator.decoder.',
    }

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return {'prompts_generator.alpha', 'mit.position_embedding'} <= set(keys)

    def table(self, vision: int, text: int, frames: int, prompts: int) -> Iterator[Entry]:
        yield from clip_hf_vit(vision, before='pre_layernorm')
        for layer in range(vision):
            ours, theirs = f'{BLOCKS}{layer}', f'vision_model.encoder.layers.{layer}'
            yield from pair(f'{ours}.message', f'{theirs}.message_fc')
            yield from pair(f'{ours}.message_residual.norm', f'{theirs}.message_ln')
            yield from fused(f'{ours}.message_attention.qkv', *(f'{theirs}.message_attn.{name}_proj' for name in 'qkv'))
            yield from pair(f'{ours}.message_attention.out', f'{theirs}.message_attn.out_proj')
        yield from hf_text_tower(text)
        for tower, theirs in (('vision', 'visual'), ('text', 'text')):
            yield Entry(f'{tower}_projection.weight', (f'{theirs}_projection.weight',))
        yield Entry('temporal.positions', ('mit.position_embedding',), (0,))
        for layer in range(frames):
            yield from clip_hf_layer(f'temporal.layers.{layer}', f'mit.encoder.layers.{layer}')
        yield from pair('patch_projection.norm', 'prompts_visual_layernorm')
        yield Entry('patch_projection.linear.weight', ('prompts_visual_projection',), transposed=True)
        yield from pair('prompts.norm', 'prompts_generator.layernorm')
        yield Entry('prompts.gain', ('prompts_generator.alpha',))
        for layer in range(prompts):
            ours, theirs = f'prompts.layers.{layer}', f'prompts_generator.decoder.{layer}'
            yield Entry(f'{ours}.cross_attention.query.weight', (f'{theirs}.cross_attn.q_proj.weight',))
            key_value = tuple(f'{theirs}.cross_attn.{name}_proj.weight' for name in 'kv')
            yield Entry(f'{ours}.cross_attention.key_value.weight', key_value)
            yield from pair(f'{ours}.cross_attention.out', f'{theirs}.cross_attn.proj')
            yield from pair(f'{ours}.cross_residual.norm', f'{theirs}.norm1')
            yield from pair(f'{ours}.feed_forward_residual.norm', f'{theirs}.norm3')
            yield from pair(f'{ours}.feed_forward.up', f'{theirs}.mlp.0')
            yield from pair(f'{ours}.feed_forward.down', f'{theirs}.mlp.3')
        yield Entry('heads.head.logit_scale', ('logit_scale',))
