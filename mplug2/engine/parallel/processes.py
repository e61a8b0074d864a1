"""The processes of a run: how they start, share cores and end."""

from __future__ import annotations

import atexit
import os
import sys
from collections.abc import Callable

import torch

from ..hooks.preemption import ignore_signals_in_worker


def share_cores(workers: int) -> None:
    """On the CPU, compute with the cores that the loader's worker processes leave; OMP_NUM_THREADS overrides.

    PyTorch's threads wait for each other after every operation, so one that has to share its core holds all of them up.
    """
    if not torch.cuda.is_available() and 'OMP_NUM_THREADS' not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - workers))


def begin_worker(begin: Callable[[int], None] | None, worker: int) -> None:
    """What a loader's worker process does first. begin: MMEngine's part, which seeds it."""
    ignore_signals_in_worker(worker)
    if begin is not None:
        begin(worker)


def rank_of_launcher(launcher: str | None) -> int:
    """The number of this process among those of a run, before they know of each other."""
    name = dict(pytorch='RANK', slurm='SLURM_PROCID', mpi='OMPI_COMM_WORLD_RANK').get(launcher or 'none', '')
    return int(os.environ.get(name, 0))


def initialise_gloo() -> None:
    """Start the process group of a distributed run on the CPU, unless it is there."""
    if not torch.distributed.is_initialized():
        os.environ.setdefault('LOCAL_RANK', '0')
        torch.distributed.init_process_group('gloo')


def leave_processes() -> None:
    """End a process of a distributed run, whose work is done; in a run of one process, do nothing.

    The interpreter is not taken down: wrapped models and device meshes keep the process group's threads alive until then, and
    such a thread that asks for the interpreter while it ends is cancelled inside C++ code that may not be left so, which
    aborts a process that has done all of its work.
    """
    if not torch.distributed.is_initialized():
        return
    torch.distributed.destroy_process_group()
    atexit._run_exitfuncs()  # closes log files, loaders' workers and event files
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
