"""One process at a time writes to a folder."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mplug2.utils.locking import FolderInUseError, lock_folder, unlock_folder
from tests.runs import TINY, last_line, mplug2

# A process that holds a folder, and has a child that outlives it, as loaders' workers do.
HOLDER = """
import os, sys, time
from mplug2.utils.locking import lock_folder
lock_folder(sys.argv[1])
if os.fork() == 0:
    time.sleep(20)
    os._exit(0)
print('locked', flush=True)
time.sleep(20)
"""


@contextmanager
def held_by_another(folder: Path) -> Iterator[subprocess.Popen]:
    holder = subprocess.Popen([sys.executable, '-c', HOLDER, str(folder)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == 'locked\n'
        yield holder
    finally:
        holder.kill()
        holder.wait()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    folder = tmp_path / 'run'
    with held_by_another(folder) as holder:
        for _ in range(2):
            with pytest.raises(FolderInUseError, match=f'is in use by another run, process {holder.pid} on '):
                lock_folder(folder)
    lock_folder(folder)
    lock_folder(folder)  # it is ours
    unlock_folder(folder)
    unlock_folder(folder)
    with held_by_another(folder), pytest.raises(FolderInUseError):
        lock_folder(folder)


def test_a_second_run_in_a_work_directory_is_refused(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with held_by_another(tmp_path):
        assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path) == 1
        assert f'{tmp_path} is in use by another run, process ' in last_line(capsys)
        assert [path.name for path in tmp_path.iterdir()] == ['run.lock']
