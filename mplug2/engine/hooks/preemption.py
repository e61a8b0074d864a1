"""Stopping in good order when the machine is taken away: SIGTERM, or the signal that Slurm sends before a time limit."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook

from ...registry import HOOKS

SIGNALS = tuple(getattr(signal, name) for name in ('SIGTERM', 'SIGUSR1') if hasattr(signal, name))  # Windows has no second
STOPPED = 'MPLUG2_STOPPED'  # names a file, as tools/slurm_train.sh does


def ignore_signals_in_worker(worker: int) -> None:
    """Called in a loader's worker: a signal to all processes of a run, as torchrun, Slurm and shutdowns send it, is for the
    training, which still needs its workers. SIGTERM from their own parent ends them."""
    del worker
    for other in SIGNALS[1:]:
        signal.signal(other, signal.SIG_IGN)
    if not hasattr(signal, 'sigwaitinfo'):  # macOS and Windows, where nobody schedules trainings
        return
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
    parent = os.getppid()

    def wait() -> None:
        while signal.sigwaitinfo([signal.SIGTERM]).si_pid != parent:
            pass
        os._exit(0)

    threading.Thread(target=wait, daemon=True).start()


@HOOKS.register_module()
class StopOnSignal(Hook):
    """After SIGTERM or SIGUSR1, ends training at a step at which all processes can, with a checkpoint; ``--resume`` goes on.

    Until that is written further ones change nothing: a scheduler may send several. Ctrl-C and SIGKILL end a run at once. A
    signal that comes during validation is answered after it. Where the environment has ``MPLUG2_STOPPED``, a file of that name
    tells the launcher that the run was stopped before its end.

    Args:
        interval: steps between asking the other processes whether one of them was signalled; a run of one process stops at its
            next step.
    """

    def __init__(self, interval: int = 10) -> None:
        self.interval = interval
        self._received: int | None = None
        self._stops = False
        self._before: dict[int, Any] = {}

    def before_train(self, runner: Any) -> None:
        self._received, self._stops = None, False
        if threading.current_thread() is threading.main_thread():
            owner = os.getpid()

            def receive(number: int, frame: FrameType | None) -> None:
                if os.getpid() == owner:
                    self._received = self._received or number
                else:  # a loader's worker inherited this and is to end as ever
                    signal.signal(number, signal.SIG_DFL)
                    os.kill(os.getpid(), number)

            self._before = {number: signal.signal(number, receive) for number in SIGNALS}

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None) -> None:
        step = runner.iter + 1
        received = self._received or 0
        if get_world_size() > 1:
            if not self.every_n_train_iters(runner, self.interval):
                return
            of_all = torch.tensor(received, device=get_device())
            all_reduce(of_all, 'max')
            received = int(of_all)
        if received:
            name = signal.Signals(received).name
            runner.logger.warning(f'{name} at step {step}: saving and stopping; the same command with --resume goes on')
            self._stops = runner.train_loop.stop_training = True

    def after_run(self, runner: Any) -> None:  # later than `after_train`, in which the checkpoint is written
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}
        note = os.environ.get(STOPPED)
        if note and self._stops and is_main_process() and runner.iter < runner.max_iters:
            try:
                Path(note).touch()
            except OSError as error:
                runner.logger.warning(f'{note} cannot be written ({error}): the launcher cannot see that the run stopped')
