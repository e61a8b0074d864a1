"""Vision transformers of other projects: CLIP (OpenAI's and HuggingFace's keys) and DINOv2 (Meta's and HuggingFace's keys)."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import partial
from typing import ClassVar, NamedTuple

from torch import Tensor

from ...registry import WEIGHT_FORMATS
from .adapter import Entry, StackFormat
from .bert import pair

OURS = 'vision_encoder'
BLOCKS = f'{OURS}.blocks.'
# Ours alone; they start as they are.
TEMPORAL_MODULES = (f'{BLOCKS}*.temporal_*', f'{BLOCKS}*.residual_before_attention.*', f'{BLOCKS}*.residual_before_ffn.*')


class BlockNames(NamedTuple):
    """What a format calls the parts of a pre-norm block.

    qkv: the fused projection, or its three parts, with what comes before ``weight``. out: of the attention. norms: before
    attention and feed-forward. up, down: of the feed-forward. gains: LayerScale's, after attention and feed-forward.
    """

    qkv: tuple[str, ...]
    out: str
    norms: tuple[str, str]
    up: str
    down: str
    gains: tuple[str, ...] = ()


CLIP = BlockNames(('attn.in_proj_',), 'attn.out_proj', ('ln_1', 'ln_2'), 'mlp.c_fc', 'mlp.c_proj')
CLIP_HF = BlockNames(
    tuple(f'self_attn.{name}_proj.' for name in 'qkv'),
    'self_attn.out_proj',
    ('layer_norm1', 'layer_norm2'),
    'mlp.fc1',
    'mlp.fc2',
)
TIMM = BlockNames(('attn.qkv.',), 'attn.proj', ('norm1', 'norm2'), 'mlp.fc1', 'mlp.fc2')
DINO = TIMM._replace(gains=('ls1.gamma', 'ls2.gamma'))
DINO_HF = BlockNames(
    tuple(f'attention.attention.{name}.' for name in ('query', 'key', 'value')),
    'attention.output.dense',
    ('norm1', 'norm2'),
    'mlp.fc1',
    'mlp.fc2',
    ('layer_scale1.lambda1', 'layer_scale2.lambda1'),
)
RESIDUALS = ('self_residual', 'feed_forward_residual')


def block_entries(ours: str, theirs: str, names: BlockNames) -> Iterator[Entry]:
    """A pre-norm block, ours and theirs without the dot."""
    for kind in ('weight', 'bias'):
        yield Entry(f'{ours}.self_attention.qkv.{kind}', tuple(f'{theirs}.{part}{kind}' for part in names.qkv))
    yield from pair(f'{ours}.self_attention.out', f'{theirs}.{names.out}')
    yield from pair(f'{ours}.feed_forward.up', f'{theirs}.{names.up}')
    yield from pair(f'{ours}.feed_forward.down', f'{theirs}.{names.down}')
    for residual, norm in zip(RESIDUALS, names.norms, strict=True):
        yield from pair(f'{ours}.{residual}.norm', f'{theirs}.{norm}')
    for residual, gain in zip(RESIDUALS, names.gains, strict=False):
        yield Entry(f'{ours}.{residual}.gain', (f'{theirs}.{gain}',))


clip_block = partial(block_entries, names=CLIP)
clip_hf_layer = partial(block_entries, names=CLIP_HF)


def clip_stem(theirs: str, kernel_ones: tuple[int, ...] = ()) -> Iterator[Entry]:
    """What is outside the blocks, with OpenAI's keys. kernel_ones: as in `Entry`, of the patch kernel."""
    yield Entry(f'{OURS}.patch_embedding.weight', (f'{theirs}.conv1.weight',), kernel_ones)
    yield Entry(f'{OURS}.class_embedding', (f'{theirs}.class_embedding',))
    yield Entry(f'{OURS}.position_embedding', (f'{theirs}.positional_embedding',))
    yield from pair(f'{OURS}.norm_before', f'{theirs}.ln_pre')
    yield from pair(f'{OURS}.norm_after', f'{theirs}.ln_post')


def blocks(layers: int, theirs: str, names: BlockNames) -> Iterator[Entry]:
    """The blocks of our vision encoder. theirs: what the numbered ones are under."""
    for layer in range(layers):
        yield from block_entries(f'{BLOCKS}{layer}.layer', f'{theirs}{layer}', names)


def clip_hf_vit(layers: int, theirs: str = 'vision_model', before: str = 'pre_layrnorm') -> Iterator[Entry]:
    """CLIP's ViT with HuggingFace's keys. before: the layer norm before the blocks, which CLIP's own files spell so."""
    embeddings = f'{theirs}.embeddings'
    yield Entry(f'{OURS}.patch_embedding.weight', (f'{embeddings}.patch_embedding.weight',))
    yield Entry(f'{OURS}.class_embedding', (f'{embeddings}.class_embedding',))
    yield Entry(f'{OURS}.position_embedding', (f'{embeddings}.position_embedding.weight',))
    yield from pair(f'{OURS}.norm_before', f'{theirs}.{before}')
    yield from pair(f'{OURS}.norm_after', f'{theirs}.post_layernorm')
    yield from blocks(layers, f'{theirs}.encoder.layers.', CLIP_HF)


class StemNames(NamedTuple):
    """What a format calls what is outside the blocks of a plain ViT. norm: after them."""

    class_token: str = 'cls_token'
    positions: str = 'pos_embed'
    patches: str = 'patch_embed.proj'
    norm: str = 'norm'


HF_STEM = StemNames(
    'embeddings.cls_token', 'embeddings.position_embeddings', 'embeddings.patch_embeddings.projection', 'layernorm'
)


def vit_stem(names: StemNames, theirs: str = '', norm: str = f'{OURS}.norm_after') -> Iterator[Entry]:
    """What is outside the blocks, as timm has it. theirs: what comes before the names. norm: our last layer norm."""
    yield from pair(f'{OURS}.patch_embedding', f'{theirs}{names.patches}')
    yield Entry(f'{OURS}.class_embedding', (f'{theirs}{names.class_token}',), (0, 1))
    yield Entry(f'{OURS}.position_embedding', (f'{theirs}{names.positions}',), (0,))
    yield from pair(norm, f'{theirs}{names.norm}')


class VitFormat(StackFormat):
    """Base of the formats that hold a ViT, which fills our vision encoder."""

    absent = TEMPORAL_MODULES
    stem: ClassVar[str]  # a key that identifies the format

    @classmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        return cls.stem in keys and any(key.startswith(cls.stacks[BLOCKS]) for key in keys)


@WEIGHT_FORMATS.register_module()
class ClipFormat(VitFormat):
    """OpenAI's CLIP (also open_clip's): ``visual.*``. The text tower and the projections are left out."""

    name = 'clip'
    stem = 'visual.class_embedding'
    stacks = {BLOCKS: 'visual.transformer.resblocks.'}

    def table(self, layers: int) -> Iterator[Entry]:
        yield from clip_stem('visual')
        yield from blocks(layers, self.stacks[BLOCKS], CLIP)


@WEIGHT_FORMATS.register_module()
class HuggingFaceClipFormat(VitFormat):
    """``CLIPModel`` and ``CLIPVisionModel`` of transformers: ``vision_model.*``."""

    name = 'clip-hf'
    stem = 'vision_model.embeddings.class_embedding'
    stacks = {BLOCKS: 'vision_model.encoder.layers.'}

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """With the prefix that transformers 5 leaves out where the vision model is alone."""
        alone = cls.stem.removeprefix('vision_model.') in state
        return {f'vision_model.{key}' if alone else key: value for key, value in state.items()}

    def table(self, layers: int) -> Iterator[Entry]:
        yield from clip_hf_vit(layers)


@WEIGHT_FORMATS.register_module()
class DinoFormat(VitFormat):
    """DINOv2 with the keys of Meta and timm."""

    name = 'dino'
    resize_mode = 'bicubic'
    stem = 'cls_token'
    stacks = {BLOCKS: 'blocks.'}

    def table(self, layers: int) -> Iterator[Entry]:
        yield from vit_stem(StemNames())
        yield from blocks(layers, self.stacks[BLOCKS], DINO)


_DINO_ATTENTION = dict(q_proj='attention.query', k_proj='attention.key', v_proj='attention.value', o_proj='output.dense')


@WEIGHT_FORMATS.register_module()
class HuggingFaceDinoFormat(VitFormat):
    """``Dinov2Model`` of transformers."""

    name = 'dino-hf'
    resize_mode = 'bicubic'
    stem = 'embeddings.cls_token'
    stacks = {BLOCKS: 'encoder.layer.'}

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Without the prefix of models that have a head; attention as files spell it (transformers 5 renames it in memory)."""
        cleaned = {}
        for key, value in state.items():
            key = key.removeprefix('dinov2.')
            for memory, file in _DINO_ATTENTION.items():
                key = key.replace(f'.attention.{memory}.', f'.attention.{file}.')
            cleaned[key] = value
        return cleaned

    def table(self, layers: int) -> Iterator[Entry]:
        yield from vit_stem(HF_STEM)
        yield from blocks(layers, self.stacks[BLOCKS], DINO_HF)
