"""Which sample each worker is reading, and since when: what a watchdog asks when a read does not return."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import torch
from torch.utils.data import get_worker_info

_WORKERS = 256  # rows of the board; of more workers some share one


class Reading(NamedTuple):
    """worker: its number, None for the process of the loader itself. index: of the sample. start: when, as `time.time` says."""

    worker: int | None
    index: int
    start: float


class ReadingBoard:
    """Notes of a data set, in memory that its loader's process shares with the workers."""

    def __init__(self) -> None:
        self._rows = torch.zeros(1 + _WORKERS, 2, dtype=torch.float64).share_memory_()  # sample, time at which it was begun

    @contextmanager
    def reading(self, index: int) -> Iterator[None]:
        """Note that this process reads a sample, until it has."""
        worker = get_worker_info()
        row = self._rows[0 if worker is None else 1 + worker.id % _WORKERS]
        row[0], row[1] = index, time.time()
        try:
            yield
        finally:
            row[1] = 0

    def longest(self) -> Reading | None:
        """What has been read for the longest time, if anything is."""
        rows = [(start, number, int(index)) for number, (index, start) in enumerate(self._rows.tolist()) if start]
        if not rows:
            return None
        start, number, index = min(rows)
        return Reading(number - 1 if number else None, index, start)
