"""A decoder with a vocabulary of its own: pre-norm layers, positions by sine and cosine, and a head that is not tied.

Letters in shapes: B samples, M targets, L tokens, N memory tokens, C channels, V vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mplug2.modules import Memory
from mplug2.modules.cache import TokenCache
from mplug2.modules.layers import KeyValue, TransformerLayer, initialize_transformer, padding_mask
from mplug2.registry import MODELS, TOKENIZERS
from mplug2.text import BertTokenizer

VOCABULARY = Path(__file__).with_name('small_vocab.txt')


@TOKENIZERS.register_module()
class SmallVocabulary(BertTokenizer):
    """WordPiece over the few words that come with this package."""

    def __init__(self, vocab: str = str(VOCABULARY), **kwargs) -> None:
        super().__init__(vocab, **kwargs)


class WideState(NamedTuple):
    """Caches of a generation. past: of the tokens so far. memory: per layer, of samples."""

    past: TokenCache
    memory: tuple[KeyValue, ...]
    mask: Tensor | None

    def reorder(self, rows: Tensor) -> WideState:
        self.past.reorder(rows)
        return self

    def keep_samples(self, samples: Tensor) -> WideState:
        self.past.keep_samples(samples)
        mask = None if self.mask is None else self.mask.index_select(0, samples)
        return self._replace(memory=tuple(layer.select(samples) for layer in self.memory), mask=mask)


@MODELS.register_module()
class WideDecoder(nn.Module):
    """Pre-norm causal layers over a memory.

    Args:
        vocab_size: V. width: C, of the memory too. num_layers, num_heads, ffn_dim: of the layers.
    """

    entry_points = ('prefill', 'step')

    def __init__(self, vocab_size: int, width: int, num_layers: int, num_heads: int, ffn_dim: int) -> None:
        super().__init__()
        self.vocab_size, self.width, self.memory_width = vocab_size, width, width
        self.words = nn.Embedding(vocab_size, width)
        self.layers = nn.ModuleList(
            TransformerLayer(width, num_heads, ffn_dim, cross=True, norm='pre', eps=1e-6) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocab_size)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)

    @property
    def word_table(self) -> Tensor:
        return self.words.weight

    def _embed(self, ids: Tensor, start: int = 0) -> Tensor:
        """ids: (M, L), the first of them at position `start`. Returns (M, L, C)."""
        places = torch.arange(start, start + ids.shape[1], device=ids.device)
        rates = 10_000.0 ** -torch.linspace(0, 1, self.width // 2, device=ids.device)
        angles = places[:, None] * rates
        return self.words(ids) + torch.cat([angles.sin(), angles.cos()], 1)

    def _logits(self, x: Tensor) -> Tensor:
        return self.head(self.norm(x)).float()

    def forward(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        mask = padding_mask(memory.mask)
        if mask is not None and sample is not None:
            mask = mask.index_select(0, sample)
        x = self._embed(ids)
        for layer in self.layers:
            x = layer(x, memory=memory.tokens, memory_mask=mask, memory_rows=sample, causal=True)
        return self._logits(x)

    def prefill(self, ids: Tensor, memory: Memory) -> tuple[Tensor, WideState]:
        projected = tuple(layer.cross_attention.project(memory.tokens).for_few_queries() for layer in self.layers)
        state = WideState(TokenCache(len(self.layers)), projected, padding_mask(memory.mask))
        return self._run(self._embed(ids), ids.shape[1], state)

    def step(self, ids: Tensor, state: WideState) -> tuple[Tensor, WideState]:
        samples = state.memory[0].key.shape[0]
        state.past.start_step(samples, len(ids))
        logits, state = self._run(self._embed(ids[:, None], state.past.length).view(samples, -1, self.width), 1, state)
        return logits, state

    def _run(self, x: Tensor, tokens: int, state: WideState) -> tuple[Tensor, WideState]:
        """x: (B, L, C) of a prefix or (B, K, C) of a step; tokens: of a hypothesis. Returns logits (rows, V), and the state."""
        first = state.past.length == 0
        for number, (layer, memory) in enumerate(zip(self.layers, state.memory, strict=True)):
            x = layer.attend_self_cached(x, state.past, number)
            x = layer.feed(layer.attend_memory(x, memory, state.mask))
        state.past.end_step(tokens, x.shape[1])
        return self._logits(x[:, -1] if first else x.flatten(0, 1)), state
