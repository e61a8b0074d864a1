"""A decoder with a vocabulary of its own: pre-norm layers, positions by sine and cosine, and a head that is not tied.

Letters in shapes: B samples, M targets, L tokens, N memory tokens, C channels, V vocabulary.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from mplug2.modules import Memory
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
    """Caches of a generation. past: per layer, of the tokens so far. memory: per layer, of samples. length: tokens so far."""

    past: tuple[KeyValue, ...]
    memory: tuple[KeyValue, ...]
    mask: Tensor | None
    length: int

    def reorder(self, rows: Tensor) -> WideState:
        return self._replace(past=tuple(layer.select(rows) for layer in self.past))

    def keep_samples(self, samples: Tensor) -> WideState:
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
        projected = tuple(layer.cross_attention.project(memory.tokens) for layer in self.layers)
        return self._run(ids, WideState((), projected, padding_mask(memory.mask), 0))

    def step(self, ids: Tensor, state: WideState) -> tuple[Tensor, WideState]:
        return self._run(ids[:, None], state)

    def _run(self, ids: Tensor, state: WideState) -> tuple[Tensor, WideState]:
        """ids: (rows, L), behind the tokens of the state. Returns logits (rows, V) of the next token."""
        x = self._embed(ids, state.length)
        past = []
        for layer, old, memory in zip(self.layers, state.past or [None] * len(self.layers), state.memory, strict=True):
            x, own = layer.attend_self_cached(x, old)
            x = layer.feed(layer.attend_memory(x, memory, state.mask))
            past.append(own)
        return self._logits(x[:, -1]), state._replace(past=tuple(past), length=state.length + ids.shape[1])
