"""A folder that one process at a time writes to."""

from __future__ import annotations

import os
import socket
import warnings
from pathlib import Path
from typing import TextIO

NAME = 'run.lock'
FAR = 2**30  # the byte that is locked; Windows lets nobody read one, and the owner's name has to be read
_held: dict[Path, TextIO] = {}


class FolderInUseError(RuntimeError):
    """Another process holds a folder."""


def lock_folder(folder: str | Path) -> None:
    """Hold a folder, made if it is not there, until `unlock_folder` or the end of this process, however it comes.

    The lock is the system's, on a file of the folder, which names host and process. Child processes do not inherit it, and
    holding it again changes nothing. On a file system that has no locks there is a warning.

    Raises:
        FolderInUseError: another process holds it. OSError: the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder.resolve() / NAME
    if path in _held:
        return
    file = open(path, 'a+', encoding='utf-8')  # noqa: SIM115 - closing it gives the lock up
    try:
        _lock(file)
    except (PermissionError, BlockingIOError) as error:
        file.seek(0)
        owner = file.read().strip()
        file.close()
        raise FolderInUseError(
            f'{folder} is in use by another run{owner and f", {owner}"}: wait for its end or stop it, or take another work '
            'directory (--work-dir)'
        ) from error
    except OSError as error:
        warnings.warn(f'{folder} cannot be locked against a second run: {error.strerror}', stacklevel=2)
    file.truncate(0)
    file.write(f'process {os.getpid()} on {socket.gethostname()}\n')
    file.flush()
    _held[path] = file


def unlock_folder(folder: str | Path) -> None:
    """Give a folder up; nothing if it is not held."""
    file = _held.pop(Path(folder).resolve() / NAME, None)
    if file is not None:
        file.truncate(0)
        file.close()


def _lock(file: TextIO) -> None:
    if os.name == 'nt':
        import msvcrt

        file.seek(FAR)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        # Of the process, which loader's workers do not inherit: they may outlive a training that is killed.
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, FAR)
