"""What a run waits for, reported after a while; and the end of one that waits for ever."""

from __future__ import annotations

import multiprocessing
import os
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook

from ...datasets.sampling.mixture import datasets_of
from ...registry import HOOKS
from ..parallel.peers import meet_peers, state_of, stopped_peers

STATUS = 1  # of a process that is ended
_LOOKS = 5.0  # seconds between looks


@HOOKS.register_module()
class Watchdog(Hook):
    """Names what a run waits for: the sample and file that a worker has been reading, a worker or process that is stopped.

    A read that never returns (a network disk that is gone, a decoder in a loop) cannot be interrupted, so the run is ended:
    `--resume` goes on from its latest checkpoint. Reads and stopped processes are watched in training, validation and tests,
    the lengths of steps in training. Time in which the run itself is suspended does not count.

    Args:
        warn_after: seconds until it is reported. end_after: seconds until the run ends; None never ends it.
    """

    priority = 'LOWEST'  # after the checkpoint hook, whose mark would hide the wait for the next batch

    def __init__(self, warn_after: float = 300.0, end_after: float | None = 1800.0) -> None:
        if warn_after <= 0 or (end_after is not None and end_after < warn_after):
            raise ValueError(
                f'Watchdog: warn_after={warn_after} is above 0, and end_after={end_after} at least that, or None for never'
            )
        self.warn_after, self.end_after = warn_after, end_after
        self._done = threading.Event()
        self._told: set[tuple[Any, str]] = set()
        self._mark('starts')

    def _mark(self, doing: str) -> None:
        self._doing, self._since = doing, time.monotonic()

    def before_run(self, runner: Any) -> None:
        meet_peers()
        self.stop()  # an earlier one of this runner
        self._done = threading.Event()
        self._mark('starts')
        threading.Thread(target=self._watch, args=(runner, self._done), daemon=True).start()

    def stop(self) -> None:
        """Watch no more; the runner calls it at the end of a run, however it ends."""
        self._done.set()

    # Marks of the main thread.

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        self._mark('computes')

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._mark('loads')

    def before_train_epoch(self, runner: Any) -> None:
        self._mark('loads')

    def before_val(self, runner: Any) -> None:
        self._mark('validates')

    def after_val(self, runner: Any) -> None:
        self._mark('loads')

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        self._mark('saves')

    # The watching thread.

    def _watch(self, runner: Any, done: threading.Event) -> None:
        period = min(_LOOKS, self.warn_after / 4)
        waited: dict[Any, float] = {}
        last = time.monotonic()
        while not done.wait(period):
            now = time.monotonic()
            passed = min(now - last, 2 * period)  # while this process itself was stopped, as a suspended job is, nothing waited
            last = now
            reads, waits = dict(self._reads(runner)), dict(self._waits())
            waited = {key: waited[key] + passed if key in waited else 0.0 for key in (*reads, *waits)}
            late = [key for key in reads if waited[key] >= self.warn_after] or list(waits)  # a wait for the read says no more
            for key in late:
                self._tell(runner, key, (reads | waits)[key], waited[key])

    def _tell(self, runner: Any, key: Any, sentence: str, seconds: float) -> None:
        if self.end_after is not None and seconds >= self.end_after:
            self._end(runner, f'{sentence}: for {seconds:.0f} s, longer than default_hooks.watchdog.end_after')
        if seconds >= self.warn_after and (key, sentence) not in self._told:
            self._told.add((key, sentence))
            end = 'never ends for that' if self.end_after is None else f'ends after {self.end_after:g} s'
            runner.logger.warning(f'{sentence}: for {seconds:.0f} s now; the run {end} (default_hooks.watchdog)')

    def _reads(self, runner: Any) -> Iterator[tuple[Any, str]]:
        """Reads that go on, each with a sentence."""
        for loader in (runner._train_loop, runner._val_loop, runner._test_loop):
            dataset = getattr(getattr(loader, 'dataloader', None), 'dataset', None)
            for source in datasets_of(dataset).values():
                reading = source.progress.longest() if hasattr(source, 'progress') else None
                if reading is not None:
                    record = source.record(reading.index)
                    who = 'the run' if reading.worker is None else f'worker {reading.worker} of the loader'
                    what = f'sample {record.get("sample_id", reading.index)} ({record.get("path", "a text")})'
                    yield (id(source), reading), f'{who} is reading {what}'

    def _waits(self) -> Iterator[tuple[Any, str]]:
        """Waits that go on, each with a sentence: for a batch, for a step, or for whatever is stopped.

        Validating and saving take as long as they take, unless what they need is stopped.
        """
        states = [(child.pid, state_of(child.pid)) for child in multiprocessing.active_children()]
        why = [f'its process {pid} is {state}' for pid, state in states if state != 'running']
        why = '; '.join([*why, *filter(None, [stopped_peers()])])
        if self._doing == 'loads':
            yield self._since, 'the run waits for the next batch of its loader' + (why and f' ({why})')
        elif self._doing == 'computes':
            yield self._since, 'the step does not end' + (why and f' ({why})')
        elif 'is stopped' in why:
            yield why, f'the run {self._doing} while {why}'

    def _end(self, runner: Any, sentence: str) -> None:
        """End this process and the loader's, whatever the main thread is in."""
        runner.logger.error(f'{sentence}; the run ends: look at what is named, then --resume goes on')
        for child in multiprocessing.active_children():
            child.kill()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(STATUS)
