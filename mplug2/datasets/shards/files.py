"""Shards on disk or behind a URL: listing them, and reading byte ranges."""

from __future__ import annotations

import glob
import os
import re
from collections import OrderedDict
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO, TypeVar

from ...utils.retrying import tried
from ..io.annotations import Files, as_list

_OPEN = 64  # files that a process keeps open
_PAUSES = (0.5, 2.0)  # seconds between the tries of a read behind a URL
_RANGE = re.compile(r'\{(\d+)\.\.(\d+)\}')
T = TypeVar('T')


def is_remote(path: str) -> bool:
    return '://' in path


def filesystem(path: str) -> tuple[Any, str]:
    """fsspec's file system of a URL, and the path in it.

    Raises:
        ImportError: fsspec, or its package for the protocol, is not installed.
    """
    try:
        import fsspec

        # Not cached across processes: network file systems do not survive a fork.
        return fsspec.core.url_to_fs(path)
    except ImportError as error:
        protocol = path.split('://', 1)[0]
        raise ImportError(
            f'{path}: shards behind a URL are read by fsspec, with a package for the protocol {protocol!r} ({error}): '
            'pip install fsspec and that package (s3fs for s3, gcsfs for gs, aiohttp for http), or copy the shards to a disk'
        ) from None


def expand(shards: Files) -> list[str]:
    """Expand patterns to paths, in order.

    Args:
        shards: paths or URLs of tar files, or of folders of them; ``{00000..01399}`` counts, ``*``, ``?`` and ``[...]`` match.

    Raises:
        FileNotFoundError: nothing matches a pattern, or a folder is empty.
    """
    paths = []
    for pattern in as_list(shards):
        for path in _count(pattern):
            if _is_folder(path):
                path = f'{path.rstrip("/") if is_remote(path) else glob.escape(path)}/*.tar'
            named = not is_remote(path) and Path(path).is_file()  # a file whose own name holds brackets
            matched = [path] if named or not re.search(r'[*?\[]', path) else _match(path)
            if not matched:
                raise FileNotFoundError(f'no shards: nothing matches {path}')
            paths += matched
    return paths


def _is_folder(path: str) -> bool:
    if not is_remote(path):
        return Path(path).is_dir()
    if path.endswith('.tar') or re.search(r'[*?\[]', path):
        return False  # without a request to the store
    files, inside = filesystem(path)
    return files.isdir(inside)


def _count(pattern: str) -> list[str]:
    match = _RANGE.search(pattern)
    if match is None:
        return [pattern]
    first, last = match.groups()
    if int(last) < int(first):
        raise FileNotFoundError(f'no shards: {pattern} counts from {first} down to {last}')
    start, rest = pattern[: match.start()], _count(pattern[match.end() :])
    return [f'{start}{number:0{len(first)}d}{end}' for number in range(int(first), int(last) + 1) for end in rest]


def _match(pattern: str) -> list[str]:
    if not is_remote(pattern):
        return sorted(glob.glob(pattern))
    files, path = filesystem(pattern)
    return sorted(files.unstrip_protocol(match) for match in files.glob(path))


def stamp(path: str) -> str:
    """A text that changes when a shard is rewritten: its size and time, or its tag if a store gives no time.

    Raises:
        FileNotFoundError: no such shard.
    """
    if not is_remote(path):
        try:
            status = os.stat(path)
        except FileNotFoundError:
            raise FileNotFoundError(f'no shard {path}') from None
        return f'{status.st_size} {status.st_mtime_ns}'
    info = _asked(path, lambda files, inside: files.info(inside))
    times = (info.get(key) for key in ('ETag', 'etag', 'mtime', 'LastModified', 'updated', 'created'))
    return f'{info["size"]} {next((time for time in times if time is not None), "")}'


def read_whole(path: str, read: Callable[[BinaryIO], T]) -> T:
    """The result of `read` on an open file. Behind a URL it is tried three times.

    Raises:
        FileNotFoundError: no such file.
        OSError: the file cannot be read.
    """

    def opened(files: Any, inside: str) -> T:
        with files.open(inside, 'rb') as file:
            return read(file)

    if is_remote(path):
        return _asked(path, opened)
    with open(path, 'rb') as file:
        return read(file)


class RangeReader:
    """Reads byte ranges of files. The last used files on disk stay open.

    Handles have no position of their own (`os.pread`), so forked workers may share them; they are not sent to spawned ones.
    """

    def __init__(self) -> None:
        self._handles: OrderedDict[str, int] = OrderedDict()

    def __getstate__(self) -> dict:
        return {'_handles': OrderedDict()}

    def __del__(self) -> None:
        for handle in self._handles.values():
            os.close(handle)

    def read(self, path: str, start: int, end: int) -> bytes:
        """Bytes from `start` to before `end`, fewer at the end of the file. Tried twice, behind a URL three times.

        Raises:
            OSError: the file cannot be read.
        """
        if is_remote(path):
            content = _asked(path, lambda files, inside: files.cat_file(inside, start=start, end=end))
            if len(content) > end - start:
                raise OSError(f'{path}: the server gives {len(content)} bytes where {end - start} are asked for (no ranges)')
            return content
        return tried(partial(self._read_local, path, start, end), OSError, (0.0,))  # a handle may be stale

    def _read_local(self, path: str, start: int, end: int) -> bytes:
        handle = self._handles.pop(path, None)
        if handle is None:
            handle = os.open(path, os.O_RDONLY | getattr(os, 'O_CLOEXEC', 0) | getattr(os, 'O_BINARY', 0))
        parts = []
        try:
            while start < end:  # one call reads at most 2 GiB
                part = _read_at(handle, end - start, start)
                if not part:
                    break
                parts.append(part)
                start += len(part)
        except OSError:
            os.close(handle)
            raise
        self._handles[path] = handle
        if len(self._handles) > _OPEN:
            os.close(self._handles.popitem(last=False)[1])
        return parts[0] if len(parts) == 1 else b''.join(parts)


def _read_at(handle: int, size: int, start: int) -> bytes:
    if hasattr(os, 'pread'):
        return os.pread(handle, size, start)
    os.lseek(handle, start, os.SEEK_SET)  # Windows: workers are spawned and share no handle
    return os.read(handle, size)


class _StoreError(OSError):
    """Any error of a protocol's package, each of which has its own."""


def _asked(path: str, ask: Callable[[Any, str], T]) -> T:
    """The result of `ask` on a URL's file system and the path in it; tried three times."""

    def once() -> T:
        try:
            return ask(*filesystem(path))
        except (ImportError, FileNotFoundError):
            raise
        except Exception as error:
            raise _StoreError(f'{path}: {type(error).__name__}: {error}') from error

    return tried(once, _StoreError, _PAUSES)
