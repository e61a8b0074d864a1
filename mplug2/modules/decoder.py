"""The shared decoder: one training pass, or prefill and steps with caches for generation.

Letters in shapes: B samples, K hypotheses (beams) a sample, L target tokens, N memory tokens, C channels, V vocabulary.
"""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor, nn

from ..registry import MODELS
from .cache import TokenCache
from .contracts import Memory
from .heads import LanguageHead
from .layers import KeyValue, TextEmbedding, TransformerLayer, initialize_transformer, padding_mask


class DecoderState(NamedTuple):
    """Caches of a generation, which a step changes in place.

    past: of the tokens so far. memory: per layer (B, H, N, D), shared by the hypotheses of a sample. memory_mask:
    (B, 1, 1, N) or None.
    """

    past: TokenCache
    memory: tuple[KeyValue, ...]
    memory_mask: Tensor | None

    @property
    def length(self) -> int:
        """Tokens of a hypothesis."""
        return self.past.length

    def reorder(self, rows: Tensor) -> DecoderState:
        """Give each hypothesis the cache of row `rows[i]`; (B*K',) long, of the same samples."""
        self.past.reorder(rows)
        return self

    def keep_samples(self, samples: Tensor) -> DecoderState:
        """Keep only some samples' memory; `reorder` goes with it for the hypotheses."""
        self.past.keep_samples(samples)
        mask = None if self.memory_mask is None else self.memory_mask.index_select(0, samples)
        return self._replace(memory=tuple(layer.select(samples) for layer in self.memory), memory_mask=mask)


@MODELS.register_module()
class TextDecoder(nn.Module):
    """Causal transformer decoder over arbitrary memories, with a head tied to its word embedding (Section 3.1).

    Args:
        vocab_size: V. width: C. num_layers, num_heads, ffn_dim: of the stack. max_positions, num_token_types: of the embedding.
        dropout, eps: as in BERT. memory_width: channels of the memory, C if None.
    """

    entry_points = ('prefill', 'step')

    def __init__(
        self,
        vocab_size: int = 30522,
        width: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        max_positions: int = 512,
        num_token_types: int = 2,
        dropout: float = 0.1,
        eps: float = 1e-12,
        memory_width: int | None = None,
    ) -> None:
        super().__init__()
        self.width, self.memory_width = width, memory_width or width
        self.vocab_size, self.max_positions = vocab_size, max_positions
        self.embedding = TextEmbedding(vocab_size, width, max_positions, num_token_types, eps, dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(
                width, num_heads, ffn_dim, True, eps=eps, dropout=dropout, attention_dropout=dropout, memory_width=memory_width
            )
            for _ in range(num_layers)
        )
        self.head = LanguageHead(width, vocab_size, eps)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.zeros_(self.head.bias)

    @property
    def word_table(self) -> Tensor:
        """(V, C), tied to the head."""
        return self.embedding.word.weight

    def forward(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        """Teacher forcing.

        Args:
            ids: (M, L) long, padded on the right: causality alone then keeps padding out of real tokens, so no mask is needed
                and the fast attention kernels stay usable. Logits at padding are meaningless.
            memory: of B samples; it is projected once for all targets of a sample.
            sample: (M,) long, whose memory each target attends to; None: each sample has K targets, next to each other.

        Returns:
            logits (M, L, V); position i predicts token i + 1.
        """
        x = self.embedding(ids)
        memory_mask = padding_mask(memory.mask)
        if memory_mask is not None and sample is not None:
            memory_mask = memory_mask.index_select(0, sample)
        for layer in self.layers:
            x = layer(x, memory=memory.tokens, memory_mask=memory_mask, memory_rows=sample, causal=True)
        return self.head(x, self.word_table)

    def prefill(self, ids: Tensor, memory: Memory) -> tuple[Tensor, DecoderState]:
        """Start a generation with one hypothesis a sample.

        Args:
            ids: (B, L) long, the same length for all: the start token, or it and a forced prefix.

        Returns:
            logits (B, V) for the token after the prefix, and the state.
        """
        x = self.embedding(ids)
        memory_mask = padding_mask(memory.mask)
        cache, projected = TokenCache(len(self.layers)), []
        for number, layer in enumerate(self.layers):
            x = layer.attend_self_cached(x, cache, number)
            keys = layer.cross_attention.project(memory.tokens).for_few_queries()
            x = layer.feed(layer.attend_memory(x, keys, memory_mask))
            projected.append(keys)
        cache.end_step(ids.shape[1], ids.shape[1])
        return self.head(x[:, -1], self.word_table), DecoderState(cache, tuple(projected), memory_mask)

    def step(self, ids: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        """Extend every hypothesis by one token.

        Args:
            ids: (B*K,) long, the hypotheses of a sample next to each other.

        Returns:
            logits (B*K, V) and the new state.
        """
        samples, cache = state.memory[0].key.shape[0], state.past
        x = self.embedding(ids[:, None], start=cache.length).view(samples, -1, self.width)
        cache.start_step(samples, len(ids))
        for number, (layer, memory) in enumerate(zip(self.layers, state.memory, strict=True)):
            x = layer.attend_self_cached(x, cache, number)
            x = layer.feed(layer.attend_memory(x, memory, state.memory_mask))
        cache.end_step(1, x.shape[1])
        return self.head(x.flatten(0, 1), self.word_table), state
