"""A decoder without cross-attention: the memory comes before the text. B samples, K hypotheses of each, M targets, L tokens."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from mplug2.modules import Memory
from mplug2.modules.layers import KeyValue, TextEmbedding, TransformerLayer, full_precision, initialize_transformer, merge_heads
from mplug2.registry import MODELS


class PrefixState(NamedTuple):
    """Caches of a generation. prefix: per layer (B, H, N, D), shared by a sample's hypotheses. mask: (B, N) bool or None.

    past: per layer, keys and values (B*K, H, t, D) of the text so far.
    """

    prefix: tuple[KeyValue, ...]
    mask: Tensor | None
    past: tuple[KeyValue, ...]

    def reorder(self, rows: Tensor) -> PrefixState:
        """Give each hypothesis the cache of row `rows[i]`, of the same sample."""
        return self._replace(past=tuple(layer.select(rows) for layer in self.past))

    def keep_samples(self, samples: Tensor) -> PrefixState:
        """Keep only some samples' prefix; `reorder` goes with it for the hypotheses."""
        mask = None if self.mask is None else self.mask.index_select(0, samples)
        return self._replace(prefix=tuple(layer.select(samples) for layer in self.prefix), mask=mask)


@MODELS.register_module()
class PrefixDecoder(nn.Module):
    """BERT's layers over [memory; text]: tokens of the memory see each other, those of the text all before them.

    The memory never reads the text, so its keys and values are made once a sample, whatever the number of texts.

    Args:
        vocab_size: V. width: C. num_layers, num_heads, ffn_dim: of the stack. max_positions: of the text; here the
            memory has none. dropout, eps: as in BERT.
    """

    entry_points = ('prefill', 'step')

    def __init__(
        self,
        vocab_size: int = 30522,
        width: int = 768,
        num_layers: int = 6,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        max_positions: int = 1024,
        dropout: float = 0.1,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.width = self.memory_width = width
        self.vocab_size, self.max_positions = vocab_size, max_positions
        self.embedding = TextEmbedding(vocab_size, width, max_positions, 0, eps, dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(width, num_heads, ffn_dim, eps=eps, dropout=dropout, attention_dropout=dropout)
            for _ in range(num_layers)
        )
        self.output = nn.Linear(width, vocab_size)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)

    @property
    def word_table(self) -> Tensor:
        """(V, C); the output has a table of its own."""
        return self.embedding.word.weight

    def _logits(self, x: Tensor) -> Tensor:
        with full_precision(x):
            return self.output(x.float())

    def forward(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        """Teacher forcing: ids (M, L), padded on the right -> logits (M, L, V); `sample` as in `TextDecoder`."""
        x, text = memory.tokens, self.embedding(ids)
        mask = None if memory.mask is None else memory.mask[:, None, None, :]
        length, samples = ids.shape[1], len(x)
        if sample is None and len(ids) != samples:
            sample = torch.arange(samples, device=ids.device).repeat_interleave(len(ids) // samples)
        causal = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        seen = causal.new_ones(samples, 1, 1, x.shape[1]) if mask is None else mask
        seen = seen if sample is None else seen.index_select(0, sample)
        allowed = torch.cat([seen.expand(-1, -1, length, -1), causal.expand(len(ids), 1, -1, -1)], -1)
        for number, layer in enumerate(self.layers):
            _, prefix = layer.self_attention.project(x)
            prefix = prefix if sample is None else prefix.select(sample)
            text = self._read(layer, text, prefix, allowed)
            if number + 1 < len(self.layers):  # nothing reads the memory after the last layer
                x = layer(x, mask)
        return self._logits(text)

    @staticmethod
    def _read(layer: TransformerLayer, text: Tensor, prefix: KeyValue, allowed: Tensor) -> Tensor:
        """A layer's text (M, L, C), which attends to a prefix (M, H, N, D) and itself."""

        def attend(y: Tensor) -> Tensor:
            query, own = layer.self_attention.project(y)
            both = KeyValue(*(torch.cat(parts, 2) for parts in zip(prefix, own, strict=True)))
            return layer.self_attention.attend(query, both, allowed)

        return layer.feed(layer.self_residual(text, attend))

    @staticmethod
    def _advance(layer: TransformerLayer, x: Tensor, query: Tensor, prefix: KeyValue, mask: Tensor | None) -> Tensor:
        """A layer's memory (B, N, C), whose query, keys and values are there already."""
        return layer.feed(layer.self_residual(x, lambda _: layer.self_attention.attend(query, prefix, mask)))

    def prefill(self, ids: Tensor, memory: Memory) -> tuple[Tensor, PrefixState]:
        """Start a generation: ids (B, L) -> logits (B, V) of the next token, and the state."""
        x, text = memory.tokens, self.embedding(ids)
        mask = None if memory.mask is None else memory.mask[:, None, None, :]
        prefixes, past = [], []
        for number, layer in enumerate(self.layers):
            query, prefix = layer.self_attention.project(x)
            text, own = self._step(layer, text, prefix, memory.mask, None)
            if number + 1 < len(self.layers):
                x = self._advance(layer, x, query, prefix, mask)
            prefixes.append(prefix)
            past.append(own)
        return self._logits(text[:, -1]), PrefixState(tuple(prefixes), memory.mask, tuple(past))

    def step(self, ids: Tensor, state: PrefixState) -> tuple[Tensor, PrefixState]:
        """Extend every hypothesis by its token: ids (B*K,) -> logits (B*K, V), and the state."""
        text = self.embedding(ids[:, None], start=state.past[0].key.shape[2])
        past = []
        for layer, prefix, old in zip(self.layers, state.prefix, state.past, strict=True):
            text, own = self._step(layer, text, prefix, state.mask, old)
            past.append(own)
        return self._logits(text[:, 0]), state._replace(past=tuple(past))

    @staticmethod
    def _step(
        layer: TransformerLayer, text: Tensor, prefix: KeyValue, mask: Tensor | None, past: KeyValue | None
    ) -> tuple[Tensor, KeyValue]:
        """A layer's new tokens (B*K, L, C), which attend to their sample's prefix, to `past` and to each other.

        One softmax goes over the scores of both, so the prefix is read once a sample and not copied for each hypothesis.
        """
        kept: list[KeyValue] = []

        def attend(y: Tensor) -> Tensor:
            query, own = layer.self_attention.project(y)
            if past is not None:
                own = KeyValue(torch.cat([past.key, own.key], 2), torch.cat([past.value, own.value], 2))
            kept.append(own)
            samples, heads, length = len(prefix.key), query.shape[1], query.shape[2]
            query = query * query.shape[-1] ** -0.5
            together = query.unflatten(0, (samples, -1)).transpose(1, 2).flatten(2, 3)  # (B, H, K*L, D)
            scores = together @ prefix.key.mT
            if mask is not None:
                scores = scores.masked_fill(~mask[:, None, None], float('-inf'))
            scores = scores.unflatten(2, (-1, length)).transpose(1, 2).flatten(0, 1)  # (B*K, H, L, N)
            latest = query @ own.key.mT
            if length > 1:
                latest = latest.masked_fill(~torch.ones_like(latest[0, 0], dtype=torch.bool).tril(), float('-inf'))
            weights = torch.cat([scores, latest], -1).float().softmax(-1).to(query.dtype)
            seen, own_weights = weights.split([prefix.key.shape[2], own.key.shape[2]], -1)
            seen = seen.unflatten(0, (samples, -1)).transpose(1, 2).flatten(2, 3)
            out = (seen @ prefix.value).view(samples, heads, -1, length, query.shape[-1]).transpose(1, 2).flatten(0, 1)
            return layer.self_attention.out(merge_heads(out + own_weights @ own.value))

        return layer.feed(layer.self_residual(text, attend)), kept[0]
