"""Helpers of the measurements: a description of the run, the time of a call, its peak memory."""

from __future__ import annotations

import multiprocessing
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...config.load import load_config
from ...networks import Network
from ...registry import MODELS


def processor() -> str:
    """Name of the processor, or its architecture if the system does not report a name."""
    cpuinfo = Path('/proc/cpuinfo')  # only on Linux
    lines = cpuinfo.read_text().splitlines() if cpuinfo.is_file() else ()
    models = (line.split(':', 1)[1].strip() for line in lines if line.startswith('model name'))
    return next(models, platform.processor() or platform.machine())


def _commit() -> str:
    if shutil.which('git') is None:
        return 'unknown, without git'
    process = subprocess.run(
        ['git', 'describe', '--always', '--dirty', '--abbrev=12'], cwd=Path(__file__).parent, capture_output=True, text=True
    )
    return process.stdout.strip() or 'not a git checkout'


def describe_run() -> str:
    """The machine, the versions, the commit and the command, for a reproducible report."""
    device = f'; {torch.cuda.get_device_name()}' if torch.cuda.is_available() else ''
    program = Path(sys.argv[0]).name
    program = 'mplug2' if program == '__main__.py' else program
    return '\n'.join(
        [
            f'machine  {processor()}, {os.cpu_count()} cores, {torch.get_num_threads()} threads, {platform.system()}{device}',
            f'versions Python {platform.python_version()}, torch {torch.__version__}',
            f'commit   {_commit()}',
            f'command  {" ".join([program, *sys.argv[1:]])}',
        ]
    )


def network_of(size: str, *parts: str, device: str = 'cpu') -> Network:
    """A model base's network with only the named modules, randomly initialised.

    Args:
        size: 'tiny', 'small', 'base', 'large', or one of these with '_paper'.
    """
    network = load_config(f'_base_/models/mplug2_{size}').model.network
    with torch.device(device):
        network = MODELS.build({name: network[name] for name in ('type', *parts)})
    for module in network.children():
        module.init_weights()
    return network


def clips_of(encoder: nn.Module, batch: int, frames: int) -> Tensor:
    """Random clips (B, T, 3, H, W) of the encoder's image size."""
    return torch.randn(batch, frames, 3, encoder.image_size, encoder.image_size)


def synchronise() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds(
    calls: dict[str, Callable[[], Any]], repeat: int, clock: Callable[[], float] = time.perf_counter
) -> dict[str, float]:
    """Median seconds of each call, after one of warm-up. The calls alternate, so that drift affects all of them.

    Args:
        clock: `time.process_time` counts what this process computes, on a machine that others use too.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    for turn in range(repeat + 1):
        for name, call in calls.items():
            synchronise()
            start = clock()
            call()
            synchronise()
            if turn:
                times[name].append(clock() - start)
    return {name: statistics.median(values) for name, values in times.items()}


def _resident(key: str) -> int:
    """Resident bytes of this process ('VmRSS'), or their peak ('VmHWM')."""
    for line in Path('/proc/self/status').read_text().splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f'/proc/self/status has no line {key}')


def _peak(connection: Any, call: Callable[..., Callable[[], Any]], arguments: tuple) -> None:
    run = call(*arguments)
    Path('/proc/self/clear_refs').write_text('5')  # resets the peak after the preparation
    before = _resident('VmRSS')
    run()
    connection.send((before, _resident('VmHWM')))


def peak_memory(call: Callable[..., Callable[[], Any]], *arguments: Any) -> tuple[int, int]:
    """Resident bytes of a fresh process before a run, and at its peak (Linux).

    Args:
        call: a module-level function (pickled by name) that prepares and returns the run.
            arguments: for it.
    """
    context = multiprocessing.get_context('spawn')
    here, there = context.Pipe()
    process = context.Process(target=_peak, args=(there, call, arguments))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        raise RuntimeError(f'{call.__name__}{arguments}: the measured process ended without a result') from None
    finally:
        process.join()


def parameters(module: nn.Module) -> str:
    return f'{sum(parameter.numel() for parameter in module.parameters()) / 1e6:.1f} M parameters'


def gigabytes(count: float) -> str:
    return f'{count / 1e9:.2f} GB'
