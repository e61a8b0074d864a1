"""Many inputs in order: prepared ahead by workers, computed in batches, in bounded memory."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Generic, TypeVar

from torch.utils.data import DataLoader, Dataset

A = TypeVar('A')
B = TypeVar('B')
AHEAD = 2  # batches


def prepared_batches(
    items: Iterable[A], prepare: Callable[[A], B], batch_size: int, workers: int = 4, processes: bool = False
) -> Iterator[list[tuple[A, B]]]:
    """Batches of items and what was prepared of them, in the order of the items.

    While the caller works on a batch, workers prepare the next. `items` is read by the caller's thread, no further than
    two batches ahead, or with processes two for each of them.

    Args:
        prepare: with processes it is pickled, and so are items and what it returns. workers: how many threads or processes.

    Raises:
        ValueError: no batch or no worker. RuntimeError: a process stopped; says which.
    """
    if batch_size < 1 or workers < 1:
        raise ValueError(f'batch_size and workers are at least 1, not {batch_size} and {workers}')
    return (_by_processes if processes else _by_threads)(iter(items), prepare, batch_size, workers)


def _by_threads(items: Iterator[A], prepare: Callable[[A], B], batch_size: int, workers: int) -> Iterator[list[tuple[A, B]]]:
    pool = ThreadPoolExecutor(workers, thread_name_prefix='mplug2-prepare')
    waiting = deque((item, pool.submit(prepare, item)) for item in islice(items, AHEAD * batch_size))
    try:
        while waiting:
            batch: list[tuple[A, B]] = []
            while waiting and len(batch) < batch_size:
                item, future = waiting.popleft()
                batch.append((item, future.result()))
                waiting.extend((item, pool.submit(prepare, item)) for item in islice(items, 1))
            yield batch
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


class _Preparing(Dataset, Generic[A, B]):
    """A data set whose indices are the items themselves."""

    def __init__(self, prepare: Callable[[A], B]) -> None:
        self.prepare = prepare

    def __getitem__(self, item: A) -> B:
        return self.prepare(item)


def _by_processes(items: Iterator[A], prepare: Callable[[A], B], batch_size: int, workers: int) -> Iterator[list[tuple[A, B]]]:
    sent: deque[list[A]] = deque()

    def batches() -> Iterator[list[A]]:
        while batch := list(islice(items, batch_size)):
            sent.append(batch)
            yield batch

    # A fork of this process would copy the locks that its threads hold.
    servers = 'forkserver' in multiprocessing.get_all_start_methods()
    context = multiprocessing.get_context('forkserver' if servers else 'spawn')
    if servers:
        context.set_forkserver_preload(['mplug2.apis.reading'])  # imported once for all workers, which takes seconds
    loader = DataLoader(
        _Preparing(prepare),
        batch_sampler=batches(),
        num_workers=workers,
        collate_fn=list,
        prefetch_factor=AHEAD,
        multiprocessing_context=context,
    )
    prepared = iter(loader)
    while True:
        try:
            results = next(prepared)
        except StopIteration:
            return
        except RuntimeError as error:
            if 'DataLoader worker' not in str(error) or isinstance(error.__cause__, ValueError):
                raise
            raise RuntimeError(f'a process that reads inputs stopped, at or after {_shown(sent)}: {error}') from error
        yield list(zip(sent.popleft(), results, strict=True))


def _shown(sent: deque[list]) -> str:
    return f'input {getattr(sent[0][0], "number", 0)}' if sent else 'the last input'
