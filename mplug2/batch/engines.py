"""Who works on parts: processes of this machine, or actors of Ray, on one machine or many.

A worker that dies takes one part with it, which another one does again. Parts are handed out one by one, so no more is in
memory than what the workers work on.
"""

from __future__ import annotations

import multiprocessing
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, BrokenExecutor, ProcessPoolExecutor, wait
from typing import Any

from .parts import Part
from .work import Report

TRIES = 3  # of a part
Start = Callable[[], Callable[[Part], Report]]  # called once a worker; what it returns, once a part


def run_parts(start: Start, parts: Sequence[Part], engine: str = 'processes', num_workers: int = 1) -> Iterator[Report]:
    """Work on all parts; reports come as parts are done.

    Args:
        start: makes a worker; pickled. engine: a key of `ENGINES`. num_workers: of which each holds a model.

    Raises:
        ValueError: no such engine, or no worker. RuntimeError: a part killed its worker three times.
    """
    if engine not in ENGINES:
        raise ValueError(f'the engine is {" or ".join(map(repr, ENGINES))}, not {engine!r}')
    if num_workers < 1:
        raise ValueError(f'num_workers is at least 1, not {num_workers}')
    return ENGINES[engine](start, parts, min(num_workers, max(1, len(parts)))) if parts else iter(())


_work: Callable[[Part], Report] | None = None  # of a process of the pool


def _begin(start: Start) -> None:
    global _work
    _work = start()


def _do(part: Part) -> Report:
    return _work(part)


def _by_processes(start: Start, parts: Sequence[Part], num_workers: int) -> Iterator[Report]:
    left, tries = list(parts), Counter()
    context = multiprocessing.get_context('spawn')
    while left:
        with ProcessPoolExecutor(num_workers, context, _begin, (start,)) as pool:
            running: dict[Any, Part] = {}
            queue, left = deque(left), []
            try:
                while True:
                    while queue and len(running) < num_workers:
                        future = pool.submit(_do, queue[0])  # raises where a worker was killed meanwhile: the part stays
                        running[future] = queue.popleft()
                    if not running:
                        break
                    for done in wait(running, return_when=FIRST_COMPLETED).done:
                        report = done.result()  # raises what the part raised
                        del running[done]
                        yield report
            except BrokenExecutor:  # a worker was killed, which ends the pool: what ran is done again by another
                left = [*running.values(), *queue]
                for part in running.values():
                    tries[part.name] += 1
                    if tries[part.name] == TRIES:
                        raise RuntimeError(
                            f'part {part.name}: its worker was killed {TRIES} times; is there enough memory?'
                        ) from None


class _Actor:
    """A worker of Ray Data, which hands batches of one part to it."""

    def __init__(self, start: Start) -> None:
        self.work = start()

    def __call__(self, batch: dict[str, Any]) -> dict[str, Any]:
        report = self.work(batch['part'][0])
        return {name: [value] for name, value in report._asdict().items()}


def _by_ray(start: Start, parts: Sequence[Part], num_workers: int) -> Iterator[Report]:
    try:
        import ray
    except ModuleNotFoundError:
        raise ModuleNotFoundError('the engine ray needs Ray: pip install "mplug2[ray]"', name='ray') from None
    started = not ray.is_initialized()
    if started:
        ray.init(include_dashboard=False, log_to_driver=False)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        resources = ray.cluster_resources()
        table = ray.data.from_items([{'part': part} for part in parts], override_num_blocks=len(parts))
        done = table.map_batches(
            _Actor,
            fn_constructor_args=(start,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(size=num_workers, max_tasks_in_flight_per_actor=1),
            max_restarts=TRIES,
            max_task_retries=TRIES,
            num_cpus=0 if num_workers > resources.get('CPU', 0) else 1,
            num_gpus=1 if resources.get('GPU', 0) >= num_workers else 0,
        )
        for row in done.iter_rows():
            yield Report(row['part'], int(row['samples']), int(row['bad']))
    finally:
        if started:
            ray.shutdown()


ENGINES = {'processes': _by_processes, 'ray': _by_ray}
