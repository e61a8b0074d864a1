"""What losses over a varying number of tokens or pairs are divided by, on one process and on many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import torch
from mmengine.dist import all_reduce, get_world_size
from torch import Tensor

from ..structures import TargetBatch

_counts: ContextVar[list[Tensor] | None] = ContextVar('counts', default=None)


def count_per_process(count: Tensor) -> Tensor:
    """The count of all processes, at least 1, divided by the number of processes.

    A sum divided by it has, averaged over the processes, the gradient of the mean over everything that all of them count,
    however unevenly. Outside of training, where processes may have different numbers of batches, it is the process's own count.
    """
    if not torch.is_grad_enabled():
        return count.clamp(min=1)
    total = count.float()
    all_reduce(total)
    noted = _counts.get()
    if noted is not None:
        noted.append(total)
    return total.clamp(min=1) / get_world_size()


@contextmanager
def noted_counts() -> Iterator[list[Tensor]]:
    """Gives a list that is filled with what `count_per_process` counts on all processes, a scalar each time."""
    counts: list[Tensor] = []
    token = _counts.set(counts)
    try:
        yield counts
    finally:
        _counts.reset(token)


def learned_tokens(target: TargetBatch) -> Tensor:
    """How many tokens of the targets are learned, a scalar."""
    return target.loss_mask[:, 1:].sum()
