"""Many inputs in order: prepared ahead by threads, computed in batches, in bounded memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import TypeVar

A = TypeVar('A')
B = TypeVar('B')


def prepared_batches(
    items: Iterable[A], prepare: Callable[[A], B], batch_size: int, workers: int = 4
) -> Iterator[list[tuple[A, B]]]:
    """Batches of items and what was prepared of them, in the order of the items.

    While the caller works on a batch, threads prepare the next; at most two batches are ahead. `items` is read no further
    than that, by the caller's thread.
    """
    if batch_size < 1:
        raise ValueError(f'batch_size is at least 1, not {batch_size}')
    items = iter(items)
    pool = ThreadPoolExecutor(workers, thread_name_prefix='mplug2-prepare')
    waiting = deque((item, pool.submit(prepare, item)) for item in islice(items, 2 * batch_size))
    try:
        while waiting:
            batch = []
            while waiting and len(batch) < batch_size:
                item, future = waiting.popleft()
                batch.append((item, future.result()))
                waiting.extend((item, pool.submit(prepare, item)) for item in islice(items, 1))
            yield batch
    finally:
        pool.shutdown(wait=False, cancel_futures=True)
