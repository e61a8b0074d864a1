"""Where each sample lies in a tar file: built once by reading its headers, and stored.

A shard is a tar file in webdataset's layout, which img2dataset and video2dataset write: the members of a sample follow each
other and share the name up to the first dot (``000000042.jpg``, ``000000042.txt``, ``000000042.json``).
"""

from __future__ import annotations

import hashlib
import io
import tarfile
import zipfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
from mmengine.logging import MMLogger

from ...utils.files import replace_file
from ..io.bad_samples import BadSampleError
from .files import is_remote, read_whole, stamp

_BLOCK = 512  # bytes; tar's unit
_THREADS = 8


class ShardIndex(NamedTuple):
    """starts: (n + 1,) int64; sample i is the bytes from starts[i] to before starts[i + 1]. problem: the shard's, or ''."""

    starts: np.ndarray
    problem: str = ''


def split_name(name: str) -> tuple[str, str]:
    """A member's name -> the key of its sample, and what it is of it: 'a/0001.seg.png' -> ('a/0001', 'seg.png')."""
    folder, _, base = name.rpartition('/')
    key, _, suffix = base.partition('.')
    return f'{folder}/{key}' if folder else key, suffix.lower()


def _is_part(member: tarfile.TarInfo) -> bool:
    name = member.name.rpartition('/')[2]
    return member.isfile() and not name.startswith(('__', '._'))  # webdataset's own notes, and macOS'


def scan(path: str) -> ShardIndex:
    """Index a shard by reading the headers of its members.

    A shard that was cut off keeps what lies before the cut; its last sample, if it was cut itself, counts and is bad.

    Raises:
        FileNotFoundError: no such shard.
        OSError: it cannot be read.
    """
    return read_whole(path, partial(_headers, path))


def _headers(path: str, file: BinaryIO) -> ShardIndex:
    starts: list[int] = []
    key, problem = None, ''
    try:
        with tarfile.open(fileobj=file, mode='r:') as tar:
            while (member := tar.next()) is not None:
                tar.members.clear()  # they would be kept
                if _is_part(member) and (found := split_name(member.name)[0]) != key:
                    key = found
                    starts.append(member.offset)
            end = tar.offset
    except tarfile.ReadError as error:
        end, problem = file.seek(0, io.SEEK_END), f'is cut off or damaged ({error})'
    else:
        file.seek(end)
        if file.read(_BLOCK) != bytes(_BLOCK):
            problem = f'has no end mark at byte {end}, so it is cut off or damaged there'
    if problem:
        problem = f'{path} {problem}: {len(starts)} samples lie before, what lay after is lost'
    return ShardIndex(np.array([*starts, end], np.int64), problem)


def index_path(path: str, index_dir: str | Path | None = None) -> Path:
    """Where a shard's index is stored: beside it, or in a folder.

    Raises:
        ValueError: the shard is behind a URL and there is no folder.
    """
    if index_dir is not None:
        digest = hashlib.blake2b(path.encode(), digest_size=4).hexdigest()
        return Path(index_dir) / f'{Path(path).stem}-{digest}.index.npz'
    if is_remote(path):
        raise ValueError(f'{path}: the indices of shards behind a URL need a local folder: give index_dir')
    return Path(path).with_suffix('.index.npz')


def load_index(path: str, index_dir: str | Path | None = None) -> ShardIndex:
    """A shard's index: the stored one if the shard is as it was then, else a new one, which is stored.

    Raises:
        FileNotFoundError: no such shard. OSError: the index cannot be stored.
    """
    file, now = index_path(path, index_dir), stamp(path)
    try:
        with np.load(file) as stored:
            if str(stored['stamp']) == now:
                return ShardIndex(stored['starts'], str(stored['problem']))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        pass  # none yet, or one that was cut off: it is built anew
    index = scan(path)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, lambda stream: np.savez(stream, starts=index.starts, problem=index.problem, stamp=now))
    except OSError as error:
        raise OSError(f'{file}: the index of {path} cannot be stored ({error}): give index_dir, a folder to write to') from None
    return index


def load_indices(paths: Sequence[str], index_dir: str | Path | None = None) -> list[ShardIndex]:
    """The indices of shards, several at a time."""
    paths = list(paths)
    missing = sum(not index_path(path, index_dir).is_file() for path in paths)
    if missing:
        MMLogger.get_current_instance().info(f'building the indices of {missing} of {len(paths)} shards')
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda path: load_index(path, index_dir), paths))


def read_members(content: bytes, where: str) -> tuple[str, dict[str, bytes]]:
    """The parts of one sample, from its bytes in the shard: the key, and content by what follows the key's dot.

    Args:
        where: names the sample in errors.

    Raises:
        BadSampleError: cut off, or no tar.
    """
    key, parts = None, {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode='r:') as tar:
            for member in tar:
                if not _is_part(member):
                    continue
                found, suffix = split_name(member.name)
                key = found if key is None else key
                if found == key:
                    parts[suffix] = tar.extractfile(member).read()
    except tarfile.TarError as error:
        raise BadSampleError(f'{where}: its bytes in the shard are cut off or damaged ({error})') from None
    if key is None:
        raise BadSampleError(f'{where}: its bytes in the shard hold no file')
    return key, parts
