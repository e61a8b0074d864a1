"""One of two processes that train together is stopped or killed."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from mplug2.checkpoints import load_checkpoint

CONFIG = Path(__file__).parents[2] / 'tests' / 'engine' / 'tiny_question_answering.py'
STEPS = (
    *('train_dataloader.batch_size=2', 'train_cfg.val_begin=999'),
    *('default_hooks.checkpoint.save_best=None', 'default_hooks.checkpoint.interval=3'),
)
WATCH = ('+default_hooks.watchdog.warn_after=10', '+default_hooks.watchdog.end_after=25')


def start_both(drill: Any, work_dir: Path, *words: str, options: Sequence[str]) -> list[tuple[int, Path]]:
    """Start a training of two processes; returns of each rank its process and the file of what it prints."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = str(probe.getsockname()[1])
    ranks = []
    for rank in ('0', '1'):

        def join(rank: str = rank) -> None:
            os.environ.update(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE='2', MASTER_ADDR='127.0.0.1', MASTER_PORT=port)

        child = drill.start(work_dir, *words, '--launcher', 'pytorch', config=CONFIG, before=join, options=options)
        ranks.append((child, drill.log))
    return ranks


def last_step(work_dir: Path) -> int:
    return max((int(path.stem.removeprefix('iter_')) for path in work_dir.glob('iter_*.pth')), default=0)


def lost_ranks(drill: Any) -> None:
    """The process that is left ends within its limit and names the other; what was saved is whole, and training goes on."""
    with drill.row('one process of two is stopped or killed: the other names it and ends, checkpoints are whole') as tries:
        for number, state in ((signal.SIGSTOP, 'stopped'), (signal.SIGKILL, 'gone')):
            for lost in (1, 0):
                work_dir = drill.fresh(f'rank{lost}{state}')
                ranks = start_both(drill, work_dir, options=(*STEPS, *WATCH, 'train_cfg.max_iters=100000'))
                tries.append(_lose(drill, work_dir, ranks, lost, number, state))
        last = last_step(work_dir)
        ranks = start_both(drill, work_dir, '--resume', options=(*STEPS, f'train_cfg.max_iters={last + 5}'))
        statuses = [drill.wait(child, time.perf_counter() + 200) for child, _ in ranks]
        tries.append((statuses == [0, 0], f'resumed by both: {statuses}'))


def _lose(drill: Any, work_dir: Path, ranks: list[tuple[int, Path]], lost: int, number: int, state: str) -> tuple[bool, str]:
    """Send a signal to one rank, at some moment after its sixth step; returns whether the other did well, and what it did."""
    until = time.perf_counter() + 200
    while last_step(work_dir) < 6 and time.perf_counter() < until:
        time.sleep(0.05)
    time.sleep(drill.random.uniform(0, 2))
    (gone, _), (other, log) = ranks[lost], ranks[1 - lost]
    os.kill(gone, number)
    start = time.perf_counter()
    status = drill.wait(other, start + 90)
    seconds = time.perf_counter() - start
    with contextlib.suppress(ProcessLookupError):
        os.kill(gone, signal.SIGKILL)
    os.waitpid(gone, 0)
    lines = log.read_text(errors='replace').strip().splitlines() or ['']
    named = any(f'process {lost} ({gone} on ' in line and f') is {state}, ' in line for line in lines)
    kept = list(work_dir.glob('iter_*.pth'))
    for path in kept:
        load_checkpoint(path)  # verifies its checksums
    note = f'rank {lost} {state}: {status} after {seconds:.0f} s, {len(kept)} checkpoints: {lines[-1][:300]}'
    return status == 1 and named and bool(kept), note
