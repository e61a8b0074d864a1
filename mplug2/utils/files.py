"""Files written whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

_FULL = (errno.ENOSPC, errno.EFBIG, getattr(errno, 'EDQUOT', errno.ENOSPC))


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary name to write a file under; at the end it is flushed to the disk and renamed, so `path` is never half a file.

    Args:
        path: the file, whose folder is made.

    Raises:
        OSError: it could not be written; names a file. Nothing is left under the temporary name then, or after any other error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # A name of its own: processes, and machines that share the folder, may write the same file.
    temporary = path.with_name(f'.{path.name}.{uuid.uuid4().hex}.tmp')
    try:
        yield temporary
        with open(temporary, 'rb+' if os.name == 'nt' else 'rb') as file:
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException as error:
        if isinstance(error, OSError) and error.errno is not None and error.filename is None:  # a full disk
            error.filename = str(path)
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


@contextlib.contextmanager
def naming_logs(folder: Any) -> Iterator[None]:
    """An error of a full disk that names no file gets the folder of the logs: results have names, so it was a log."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL and error.filename is None:
            error.filename = f'{folder}, where logs and scalars go'
        raise


def replace_file(path: Path, write: Callable[[BinaryIO], Any]) -> None:
    """`replacing`, by what `write` does with the open binary file."""
    with replacing(path) as temporary, open(temporary, 'wb') as file:
        write(file)


def place_file(source: Path, path: Path) -> None:
    """A file under a second name, as a hard link where the disk has them, else as a copy; one of its size stays.

    A symbolic link would lead out of the folder, where data sets do not read.
    """
    if path.is_file() and not path.is_symlink() and path.stat().st_size == source.stat().st_size:
        return
    with replacing(path) as temporary:
        try:
            os.link(source, temporary)
        except OSError:
            shutil.copyfile(source, temporary)


def sync_folder(path: Path) -> None:
    """Store the names of a folder's files, as they are now, on the disk."""
    if os.name == 'nt':  # Windows cannot open folders
        return
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_text(path: str | Path, text: str) -> None:
    """`replace_file` with a text, in UTF-8."""
    replace_file(Path(path), lambda file: file.write(text.encode()))


def sweep_temporary(folder: str | Path) -> None:
    """Remove what `replace_file` and writers of folders left of processes that were killed; nobody may write there."""
    for path in Path(folder).glob('.*.tmp'):
        shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)
