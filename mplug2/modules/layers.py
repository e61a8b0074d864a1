"""Attention and the transformer layer that every stack of the network is made of.

Letters in shapes: B samples, H heads, L query tokens, N memory tokens, C channels, D = C / H.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

if TYPE_CHECKING:
    from .cache import TokenCache

# MPLUG2_PLAIN_ATTENTION=1 takes the explicit softmax, so that tests and benchmarks compare the two paths.
PLAIN_ATTENTION = 'MPLUG2_PLAIN_ATTENTION'


class KeyValue(NamedTuple):
    """Projected keys and values, each (B, H, N, D)."""

    key: Tensor
    value: Tensor

    def select(self, rows: Tensor) -> KeyValue:
        """Keep (or repeat, or reorder) the given rows of the batch."""
        if stored_by_channel(self.key):
            return KeyValue(self.key.mT.index_select(0, rows).mT, self.value.index_select(0, rows))
        return KeyValue(self.key.index_select(0, rows), self.value.index_select(0, rows))

    def for_few_queries(self) -> KeyValue:
        """The same, copied to the layout that a few queries read fastest: on the CPU keys by channel, values by token."""
        if self.key.device.type != 'cpu':
            return KeyValue(self.key.contiguous(), self.value.contiguous())
        return KeyValue(self.key.mT.contiguous().mT, self.value.contiguous())


def stored_by_channel(key: Tensor) -> bool:
    """Whether keys (B, H, N, D) are stored as (B, H, D, N)."""
    return key.mT.is_contiguous() and not key.is_contiguous()


def quick_gelu(x: Tensor) -> Tensor:
    """CLIP's approximation of GELU: x * sigmoid(1.702 x).

    Through SiLU, which keeps one tensor for the backward pass instead of two.
    """
    return F.silu(1.702 * x) / 1.702


ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    'gelu': F.gelu,
    'gelu_tanh': partial(F.gelu, approximate='tanh'),
    'quick_gelu': quick_gelu,
    'relu': F.relu,
}


def activation_function(name: str) -> Callable[[Tensor], Tensor]:
    """Look an activation up by name.

    Raises:
        ValueError: the name is not one of `ACTIVATIONS`.
    """
    if name not in ACTIVATIONS:
        raise ValueError(f'unknown activation {name!r}; one of {sorted(ACTIVATIONS)}')
    return ACTIVATIONS[name]


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    mask: Tensor | None = None,
    causal: bool = False,
    dropout: float = 0.0,
) -> Tensor:
    """Scaled dot-product attention, the only one in the project.

    Args:
        query: (B, H, L, D). key, value: (B, H, N, D).
        mask: bool, broadcastable to (B, H, L, N); True means "may be attended to". None: everything may.
        causal: query i sees keys up to i; needs L == N and no mask.
        dropout: probability of dropping an attention weight; the caller passes 0 in evaluation.

    Returns:
        (B, H, L, D).
    """
    if os.environ.get(PLAIN_ATTENTION) == '1' or _explicit_is_faster(query, key):
        return F.dropout(attention_weights(query, key, mask, causal), dropout, dropout > 0) @ value
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, dropout_p=dropout, is_causal=causal)


def attention_weights(query: Tensor, key: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
    """The explicit softmax of `attention`, whose arguments these are: weights (B, H, L, N)."""
    scores = (query @ key.transpose(-1, -2)) * query.shape[-1] ** -0.5
    if causal:
        mask = torch.ones(scores.shape[-2:], dtype=torch.bool, device=scores.device).tril()
    if mask is None:
        return scores.float().softmax(-1).to(query.dtype)
    # Not minus infinity, of which a query that may attend to nothing would get NaN; as in the fused kernel it gets zeros.
    weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).float().softmax(-1)
    return weights.masked_fill(~mask, 0.0).to(query.dtype)


def _explicit_is_faster(query: Tensor, key: Tensor) -> bool:
    """On CPUs PyTorch's fused bf16 kernel takes 3 to 20 times as long as the explicit softmax at 17 to 197 tokens.

    Longer sequences keep the fused kernel, because explicit scores take memory. A few queries of a generation, whose keys are
    stored by channel, take 0.7 of its time.
    """
    if query.device.type != 'cpu' or query.shape[-2] * key.shape[-2] > 2**18:
        return False
    return query.dtype == torch.bfloat16 or stored_by_channel(key)


def full_precision(x: Tensor) -> AbstractContextManager:
    """Lift autocast: words and similarities are computed in fp32."""
    # Where it is off there is nothing to lift, and the meta device has no autocast at all.
    enabled = x.device.type != 'meta' and torch.is_autocast_enabled(x.device.type)
    return torch.autocast(x.device.type, enabled=False) if enabled else nullcontext()


def padding_mask(mask: Tensor | None) -> Tensor | None:
    """(B, N) True (or 1, as tokenizers write it) at real tokens -> (B, 1, 1, N), the form that `attention` takes."""
    return None if mask is None else mask[:, None, None, :].bool()


def split_heads(x: Tensor, num_heads: int) -> Tensor:
    """(B, L, C) -> (B, H, L, D)."""
    return x.unflatten(-1, (num_heads, -1)).transpose(1, 2)


def merge_heads(x: Tensor) -> Tensor:
    """(B, H, L, D) -> (B, L, C)."""
    return x.transpose(1, 2).flatten(2)


class SelfAttention(nn.Module):
    """Multi-head self-attention with one fused projection.

    Args:
        width: C. num_heads: H. dropout: on the attention weights.
    """

    def __init__(self, width: int, num_heads: int, dropout: float = 0.0) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f'width {width} is not divisible by {num_heads} heads')
        self.num_heads = num_heads
        self.dropout = dropout
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def project(self, x: Tensor) -> tuple[Tensor, KeyValue]:
        """(B, L, C) -> the query (B, H, L, D) and the keys and values of the same tokens."""
        query, key, value = (split_heads(part, self.num_heads) for part in self.qkv(x).chunk(3, -1))
        return query, KeyValue(key, value)

    def forward(self, x: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        """x: (B, L, C); mask as in `attention`. Returns (B, L, C)."""
        query, memory = self.project(x)
        return self.attend(query, memory, mask, causal)

    def attend(self, query: Tensor, memory: KeyValue, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        dropout = self.dropout if self.training else 0.0
        return self.out(merge_heads(attention(query, memory.key, memory.value, mask, causal, dropout)))


class CrossAttention(nn.Module):
    """Multi-head attention of one sequence to a memory.

    Args:
        width: C of the queries and of the output. memory_width: channels of the memory, `width` if None.
    """

    def __init__(self, width: int, num_heads: int, dropout: float = 0.0, memory_width: int | None = None) -> None:
        super().__init__()
        if width % num_heads:
            raise ValueError(f'width {width} is not divisible by {num_heads} heads')
        self.num_heads = num_heads
        self.dropout = dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(memory_width or width, 2 * width)
        self.out = nn.Linear(width, width)

    def project(self, memory: Tensor) -> KeyValue:
        """(B, N, C) -> keys and values, to be computed once and attended to many times."""
        key, value = (split_heads(part, self.num_heads) for part in self.key_value(memory).chunk(2, -1))
        return KeyValue(key, value)

    def forward(self, x: Tensor, memory: Tensor | KeyValue, mask: Tensor | None = None) -> Tensor:
        """x: (B, L, C); memory: (B, N, C) or its projection; mask as in `attention`. Returns (B, L, C)."""
        if isinstance(memory, Tensor):
            memory = self.project(memory)
        dropout = self.dropout if self.training else 0.0
        query = split_heads(self.query(x), self.num_heads)
        return self.out(merge_heads(attention(query, memory.key, memory.value, mask, dropout=dropout)))


class FeedForward(nn.Module):
    """Linear, activation, linear: C -> hidden -> C."""

    def __init__(self, width: int, ffn_dim: int, activation: str = 'gelu') -> None:
        super().__init__()
        self.up = nn.Linear(width, ffn_dim)
        self.down = nn.Linear(ffn_dim, width)
        self.activation = activation_function(activation)

    def forward(self, x: Tensor) -> Tensor:
        return self.down(self.activation(self.up(x)))


class DropPath(nn.Module):
    """Drop a residual branch for whole rows of the batch, which are frames in the vision encoder (Huang et al. 2016)."""

    def __init__(self, probability: float = 0.0) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.probability == 0.0:
            return x
        keep = 1.0 - self.probability
        return x * x.new_empty(x.shape[0], *[1] * (x.ndim - 1)).bernoulli_(keep).div_(keep)


class Residual(nn.Module):
    """x + branch(x) with its layer norm: before the branch ('pre') or after the sum ('post').

    Args:
        width: C. norm: 'pre' or 'post'. eps: of the layer norm. dropout: on the branch's output.
        drop_path: probability of dropping the branch for a sample. layer_scale: initial value of a learned gain per
            channel on the branch (CaiT, DINOv2), or None for no gain.
    """

    def __init__(
        self,
        width: int,
        norm: str = 'post',
        eps: float = 1e-12,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        layer_scale: float | None = None,
    ) -> None:
        super().__init__()
        if norm not in ('pre', 'post'):
            raise ValueError(f"norm is 'pre' or 'post', not {norm!r}")
        self.pre = norm == 'pre'
        self.norm = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)
        self.drop_path = DropPath(drop_path)
        self.gain = None if layer_scale is None else nn.Parameter(torch.full((width,), float(layer_scale)))

    def forward(self, x: Tensor, branch: Callable[[Tensor], Tensor]) -> Tensor:
        delta = branch(self.norm(x) if self.pre else x)
        if self.gain is not None:
            delta = delta * self.gain
        x = x + self.drop_path(self.dropout(delta))
        return x if self.pre else self.norm(x)


class Block(nn.Module):
    """The unit of a stack: what activation checkpointing recomputes, what is compiled and what is sharded.

    A subclass writes `run`. `recompute` is set by `checkpoint_blocks`: activations inside the block are then not kept for
    the backward pass, but computed again there.
    """

    recompute = False

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        """The arguments and the result are those of `run`."""
        if self.recompute and torch.is_grad_enabled():
            return checkpoint(self.run, *args, use_reentrant=False, **kwargs)
        return self.run(*args, **kwargs)

    def run(self, *args: Any, **kwargs: Any) -> Tensor:
        raise NotImplementedError


class MemoryLayer(Block):
    """Base of layers that end with cross-attention to a memory and a feed-forward, each in a residual.

    A subclass makes the modules.
    """

    cross_attention: CrossAttention | None
    cross_residual: Residual | None
    feed_forward: FeedForward
    feed_forward_residual: Residual

    def attend_memory(
        self, x: Tensor, memory: Tensor | KeyValue, mask: Tensor | None = None, rows: Tensor | None = None
    ) -> Tensor:
        """Cross-attention of x (B*K, L, C) to the memory of B samples.

        The K sequences of a sample, which are next to each other, are laid end to end and become the query tokens of one
        attention: the memory is projected once a sample and never tiled. With `rows` (M,), whose memory each of x (M, L, C)
        attends to, it is projected once a sample too, and its keys and values are repeated.
        """
        if rows is not None:
            memory = (self.cross_attention.project(memory) if isinstance(memory, Tensor) else memory).select(rows)
        samples = (memory if isinstance(memory, Tensor) else memory.key).shape[0]
        y = x if len(x) == samples else x.reshape(samples, -1, x.shape[-1])
        return self.cross_residual(y, lambda z: self.cross_attention(z, memory, mask)).view(x.shape)

    def feed(self, x: Tensor) -> Tensor:
        return self.feed_forward_residual(x, self.feed_forward)


class TransformerLayer(MemoryLayer):
    """Self-attention, optional cross-attention and feed-forward, each in a residual.

    The three parts are also methods: a generation and the vision blocks take them one by one.

    Args:
        width: C. num_heads: H. ffn_dim: of the feed-forward. cross: with cross-attention. norm: 'pre' (ViT) or 'post' (BERT).
        activation: a key of `ACTIVATIONS`. eps: of the layer norms. dropout: on outputs. attention_dropout: on weights.
        drop_path, layer_scale: as in `Residual`. memory_width: of what cross-attention attends to, C if None.
    """

    def __init__(
        self,
        width: int,
        num_heads: int,
        ffn_dim: int,
        cross: bool = False,
        norm: str = 'post',
        activation: str = 'gelu',
        eps: float = 1e-12,
        dropout: float = 0.0,
        attention_dropout: float = 0.0,
        drop_path: float = 0.0,
        layer_scale: float | None = None,
        memory_width: int | None = None,
    ) -> None:
        super().__init__()

        def residual() -> Residual:
            return Residual(width, norm, eps, dropout, drop_path, layer_scale)

        self.self_attention = SelfAttention(width, num_heads, attention_dropout)
        self.self_residual = residual()
        self.cross_attention = CrossAttention(width, num_heads, attention_dropout, memory_width) if cross else None
        self.cross_residual = residual() if cross else None
        self.feed_forward = FeedForward(width, ffn_dim, activation)
        self.feed_forward_residual = residual()

    def attend_self(self, x: Tensor, mask: Tensor | None = None, causal: bool = False) -> Tensor:
        return self.self_residual(x, lambda y: self.self_attention(y, mask, causal))

    def attend_self_cached(self, x: Tensor, cache: TokenCache, layer: int) -> Tensor:
        """Causal self-attention to the tokens of a cache and to x, whose keys and values the cache keeps.

        Args:
            x: (B, L, C), the first tokens of B hypotheses, or (B, K, C), the next token of each of a sample's K hypotheses.
            layer: number of this layer in the cache.
        """

        def branch(y: Tensor) -> Tensor:
            query, own = self.self_attention.project(y)
            everything, mask = cache.append(layer, own)
            return self.self_attention.attend(query, everything, mask, causal=mask is None and cache.length == 0)

        return self.self_residual(x, branch)

    def run(
        self,
        x: Tensor,
        mask: Tensor | None = None,
        memory: Tensor | KeyValue | None = None,
        memory_mask: Tensor | None = None,
        memory_rows: Tensor | None = None,
        causal: bool = False,
    ) -> Tensor:
        """x: (B, L, C); memory: (B, N, C), without it cross-attention is passed over; memory_rows: as in `attend_memory`; masks
        as in `attention`."""
        x = self.attend_self(x, mask, causal)
        if memory is not None:
            x = self.attend_memory(x, memory, memory_mask, memory_rows)
        return self.feed(x)


class TextEmbedding(nn.Module):
    """BERT's projection_dim: word + position + segment, layer norm, dropout.

    Args:
        vocab_size, width: of the word table. max_positions: longest sequence. num_token_types: number of segments; 0 for an
            embedding without them (BLIP's).
    """

    def __init__(
        self,
        vocab_size: int,
        width: int,
        max_positions: int = 512,
        num_token_types: int = 2,
        eps: float = 1e-12,
        dropout: float = 0.1,
        padding_idx: int | None = 0,
    ) -> None:
        super().__init__()
        self.word = nn.Embedding(vocab_size, width, padding_idx=padding_idx)
        self.position = nn.Embedding(max_positions, width)
        self.segment = nn.Embedding(num_token_types, width) if num_token_types else None
        self.norm = nn.LayerNorm(width, eps)
        self.dropout = nn.Dropout(dropout)

    def forward(self, ids: Tensor, token_type_ids: Tensor | None = None, start: int = 0) -> Tensor:
        """ids: (B, L) long, the first of them at position `start`. Returns (B, L, C).

        Raises:
            ValueError: the sequence is longer than the position table.
        """
        end = start + ids.shape[1]
        if end > self.position.num_embeddings:
            raise ValueError(
                f'text of {end} tokens, but the model has {self.position.num_embeddings} positions: '
                'lower the maximum length of the tokenizing transform'
            )
        positions = torch.arange(start, end, device=ids.device)
        x = self.word(ids) + self.position(positions)
        if self.segment is not None:
            x = x + (self.segment.weight[0] if token_type_ids is None else self.segment(token_type_ids))
        return self.dropout(self.norm(x))


def initialize_transformer(module: nn.Module, width: int) -> None:
    """BERT's initialisation: normal weights, zero biases, unit layer norms.

    The standard deviation is BERT's 0.02 at its width of 768; at others it is such that a branch has the same share of the
    residual stream. (With 0.02 at a width of 128 attention's share is a few percent, and training idles before it grows.)

    Args:
        width: C of the module.
    """
    std = 0.02 * (768 / width) ** 0.5
    for child in module.modules():
        if isinstance(child, nn.Linear | nn.Embedding):
            nn.init.normal_(child.weight, std=std)
            if isinstance(child, nn.Embedding) and child.padding_idx is not None:
                nn.init.zeros_(child.weight[child.padding_idx].data)
        elif isinstance(child, nn.LayerNorm):
            nn.init.ones_(child.weight)
        if isinstance(child, nn.Linear | nn.LayerNorm) and child.bias is not None:
            nn.init.zeros_(child.bias)
