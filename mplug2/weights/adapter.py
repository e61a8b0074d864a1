"""The base of weight adapters: one table between a foreign format and ours, read in both directions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor


class Entry(NamedTuple):
    """One of our tensors and the foreign tensors that make it.

    ours: our key. theirs: foreign keys, concatenated along the first dimension where there are several.
    trailing: dimensions of size one that the foreign tensor has after those of ours. middle: a dimension of size one
    that it has at this place.
    """

    ours: str
    theirs: tuple[str, ...]
    trailing: int = 0
    middle: int | None = None

    def read(self, state: dict[str, Tensor]) -> Tensor:
        """Foreign tensors -> ours."""
        tensor = torch.cat([state[key] for key in self.theirs]) if len(self.theirs) > 1 else state[self.theirs[0]]
        for _ in range(self.trailing):
            tensor = tensor.squeeze(-1)
        return tensor if self.middle is None else tensor.squeeze(self.middle)

    def write(self, tensor: Tensor) -> dict[str, Tensor]:
        """Ours -> foreign tensors."""
        if self.middle is not None:
            tensor = tensor.unsqueeze(self.middle)
        tensor = tensor[(..., *(None,) * self.trailing)]
        return dict(zip(self.theirs, tensor.chunk(len(self.theirs)), strict=True))


def pair(ours: str, theirs: str) -> Iterator[Entry]:
    """Weight and bias of one layer."""
    for name in ('weight', 'bias'):
        yield Entry(f'{ours}.{name}', (f'{theirs}.{name}',))


def fused(ours: str, *theirs: str) -> Iterator[Entry]:
    """Weight and bias of a fused projection, made of several foreign ones."""
    for name in ('weight', 'bias'):
        yield Entry(f'{ours}.{name}', tuple(f'{one}.{name}' for one in theirs))


def bert_attention(ours: str, theirs: str, cross: bool) -> Iterator[Entry]:
    """A HuggingFace BERT attention and the residual around it."""
    kind = 'cross' if cross else 'self'
    if cross:
        yield from pair(f'{ours}.cross_attention.query', f'{theirs}.self.query')
        yield from fused(f'{ours}.cross_attention.key_value', f'{theirs}.self.key', f'{theirs}.self.value')
    else:
        yield from fused(f'{ours}.self_attention.qkv', *(f'{theirs}.self.{name}' for name in ('query', 'key', 'value')))
    yield from pair(f'{ours}.{kind}_attention.out', f'{theirs}.output.dense')
    yield from pair(f'{ours}.{kind}_residual.norm', f'{theirs}.output.LayerNorm')


def bert_layer(ours: str, theirs: str, cross: bool) -> Iterator[Entry]:
    """A HuggingFace BERT layer."""
    yield from bert_attention(ours, f'{theirs}.attention', cross=False)
    if cross:
        yield from bert_attention(ours, f'{theirs}.crossattention', cross=True)
    yield from pair(f'{ours}.feed_forward.up', f'{theirs}.intermediate.dense')
    yield from pair(f'{ours}.feed_forward.down', f'{theirs}.output.dense')
    yield from pair(f'{ours}.feed_forward_residual.norm', f'{theirs}.output.LayerNorm')


def bert_embedding(ours: str, theirs: str) -> Iterator[Entry]:
    """A HuggingFace BERT embedding."""
    for one, other in (
        ('word', 'word_embeddings'),
        ('position', 'position_embeddings'),
        ('segment', 'token_type_embeddings'),
    ):
        yield Entry(f'{ours}.{one}.weight', (f'{theirs}.{other}.weight',))
    yield from pair(f'{ours}.norm', f'{theirs}.LayerNorm')


def prediction_head(ours: str, theirs: str) -> Iterator[Entry]:
    """A HuggingFace BERT prediction head; its word table is tied to the embedding."""
    yield from pair(f'{ours}.dense', f'{theirs}.transform.dense')
    yield from pair(f'{ours}.norm', f'{theirs}.transform.LayerNorm')
    yield Entry(f'{ours}.bias', (f'{theirs}.bias',))
