"""What the tests of training share: running the command line here or in a process of its own, and reading what it left."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from itertools import count
from pathlib import Path

import pytest
from torch import Tensor

from mplug2.checkpoints import load_checkpoint
from mplug2.cli import main

ROOT = Path(__file__).parents[1]
TINY = str(ROOT / 'tests' / 'engine' / 'tiny_captioning.py')
TINY_QA = str(ROOT / 'tests' / 'engine' / 'tiny_question_answering.py')
_numbers = count()


def mplug2(home: Path, *arguments: str | Path) -> int:
    """Run ``mplug2 ARGUMENTS`` in this process with `home` as the working directory; returns the exit status."""
    words = [str(word) for word in arguments]
    # MMEngine keeps one message hub for each name and second.
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        return main([*words, *_named(words)])


def _named(words: list[str]) -> list[str]:
    if words[0] not in ('train', 'test'):
        return []
    name = f'experiment_name=run{next(_numbers)}'
    return [name] if '--cfg-options' in words else ['--cfg-options', name]


def process(home: Path, *command: str | Path, **environment: str) -> subprocess.Popen:
    """Start ``python COMMAND`` with `home` as the working directory and no PYTHONPATH."""
    env = {key: value for key, value in os.environ.items() if key != 'PYTHONPATH'}
    env.update(OMP_NUM_THREADS='1', **environment)
    words = [sys.executable, *map(str, command)]
    return subprocess.Popen(words, cwd=home, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def finished(home: Path, *command: str | Path, **environment: str) -> str:
    """Run ``python COMMAND`` to its end, which must be a good one; returns what it printed."""
    started = process(home, *command, **environment)
    printed, _ = started.communicate(timeout=400)
    assert started.returncode == 0, printed[-4000:]
    return printed


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def process_group(home: Path, count: int, *command: str | Path, **environment: str) -> list[tuple[int, str]]:
    """Run ``python COMMAND`` as `count` processes of one group; returns their exit statuses and what they printed."""
    group = dict(WORLD_SIZE=str(count), MASTER_ADDR='127.0.0.1', MASTER_PORT=str(free_port()), **environment)
    started = [process(home, *command, RANK=str(rank), LOCAL_RANK=str(rank), **group) for rank in range(count)]
    try:
        printed = [worker.communicate(timeout=500)[0] for worker in started]
    finally:
        for worker in started:
            worker.kill()
    return [(worker.returncode, text) for worker, text in zip(started, printed, strict=True)]


def two_processes(home: Path, *command: str | Path) -> str:
    """Run ``python COMMAND`` as two processes by torchrun, which must end well; returns what they printed."""
    launch = ['-m', 'torch.distributed.run', '--nproc_per_node=2', '--master_addr=127.0.0.1']
    return finished(home, *launch, f'--master_port={free_port()}', *command)


def install(package: Path, files: str, folder: Path) -> Path:
    """Build a package by pip and install it into a folder of its own, which is returned. files: glob of its sources."""
    source, site = folder / 'source' / package.name, folder / 'site'
    for file in (package / 'pyproject.toml', *package.glob(files)):
        target = source / file.relative_to(package)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(file.read_bytes())  # building leaves files behind, which the checkout is spared
    pip = [sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--no-build-isolation', '--no-index']
    subprocess.run([*pip, '--target', site, source], check=True)
    return site


def logged(work_dir: Path, key: str = 'loss') -> dict[int, float]:
    """A scalar by step, as the log files of all runs in a work directory have it; later runs win."""
    found = {}
    for file in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for line in file.read_text().splitlines():
            record = json.loads(line)
            if key in record:
                found[record['step']] = record[key]
    return found


def weights(file: Path) -> dict[str, Tensor]:
    return load_checkpoint(file)['state_dict']


def last_line(capsys: pytest.CaptureFixture) -> str:
    """The last line that a command printed for its user."""
    return capsys.readouterr().err.strip().splitlines()[-1]
