"""The index of a tar file, which gives the position of each sample. It is built once from the headers, and stored.

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
from ..io.bad_samples import AnnotationError, BadSampleError
from .files import is_remote, read_whole, stamp

_BLOCK = 512  # bytes; tar's unit
_COMPRESSED = {b'\x1f\x8b': 'gzip', b'BZh': 'bzip2', b'\xfd7zXZ': 'xz', b'(\xb5/\xfd': 'zstd'}  # by how files begin
_THREADS = 8
MAX_NAME = 2**16  # bytes of a member's name, or of its further attributes
_LONG = (*tarfile.GNU_TYPES[:2], tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE)


class _Member(tarfile.TarInfo):
    """A header whose claims are bounded before they are believed."""

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _LONG and self.size > MAX_NAME:  # its name or attributes would be read into memory
            raise tarfile.ReadError(f'a name of {self.size} bytes')
        return super()._proc_member(tar)


class ShardIndex(NamedTuple):
    """starts: (n + 1,) int64; sample i has the bytes starts[i] to starts[i + 1]. problem: the shard's fault, or ''."""

    starts: np.ndarray
    problem: str = ''


def split_name(name: str) -> tuple[str, str]:
    """A member's name -> the key of its sample, and the suffix: 'a/0001.seg.png' -> ('a/0001', 'seg.png')."""
    folder, _, base = name.rpartition('/')
    key, _, suffix = base.partition('.')
    return f'{folder}/{key}' if folder else key, suffix.lower()


def _is_part(member: tarfile.TarInfo) -> bool:
    base = member.name.rpartition('/')[2]
    return member.isfile() and not base.startswith(('__', '.'))  # webdataset's own notes, and files hidden by macOS or editors


def scan(path: str) -> ShardIndex:
    """Index a shard by reading the headers of its members.

    All concatenated archives of a file are read. A truncated shard keeps the samples before the cut; its
    last sample, if it is cut itself, counts and is bad.

    Raises:
        FileNotFoundError: no such shard.
        OSError: the shard cannot be read. AnnotationError: it is compressed.
    """
    return read_whole(path, partial(_headers, path))


def _headers(path: str, file: BinaryIO) -> ShardIndex:
    head = file.read(8)
    file.seek(0)
    for magic, name in _COMPRESSED.items():
        if head.startswith(magic):
            raise AnnotationError(
                f'{path} is compressed ({name}), and shards are read by byte offsets: unpack it to a plain .tar'
            )
    starts: list[int] = []
    repeated: list[str] = []
    problem = ''
    while True:  # one archive, or several concatenated ones
        try:
            end = _archive(file, starts, repeated)
        except tarfile.ReadError as error:
            end, problem = file.seek(0, io.SEEK_END), f'is cut off or damaged ({error})'
            break
        file.seek(end)
        if file.read(_BLOCK) != bytes(_BLOCK):
            problem = f'has no end mark at byte {end}, so it is cut off or damaged there'
            break
        following = _next_block(file)
        if following is None:
            break
        file.seek(following)
    if problem:
        problem = f'{path} {problem}: {len(starts)} samples before it are kept, later ones are lost'
    elif repeated:
        problem = f'{path} has {len(repeated)} keys twice, such as {repeated[0]!r}: each time is a sample of its own'
    return ShardIndex(np.array([*starts, end], np.int64), problem)


def _archive(file: BinaryIO, starts: list[int], repeated: list[str]) -> int:
    """Index the archive at the file's position. Returns its end."""
    key, parts = None, set()
    with tarfile.open(fileobj=file, mode='r:', tarinfo=_Member) as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # or they stay in memory
            if not _is_part(member):
                continue
            name, suffix = split_name(member.name)
            if name != key or suffix in parts:
                if name == key:
                    repeated.append(name)
                key, parts = name, set()
                starts.append(member.offset)
            parts.add(suffix)
        return tar.offset


def _next_block(file: BinaryIO) -> int | None:
    """Skip zeros from the file's position: where they end, or None if nothing follows."""
    while content := file.read(_BLOCK * 64):
        for offset in range(0, len(content), _BLOCK):
            if content[offset : offset + _BLOCK].strip(b'\0'):
                return file.tell() - len(content) + offset
    return None


def index_path(path: str, index_dir: str | Path | None = None) -> Path:
    """Path of a shard's index: beside the shard, or in a folder.

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
    """A shard's index: the stored one if the shard is unchanged, else a new one, which is stored.

    Raises:
        FileNotFoundError: no such shard. OSError: the index cannot be written.
    """
    file, now = index_path(path, index_dir), stamp(path)
    try:
        with np.load(file) as stored:
            if str(stored['stamp']) == now and _is_index(starts := stored['starts']):
                return ShardIndex(starts, str(stored['problem']))
    except (OSError, ValueError, KeyError, EOFError, MemoryError, zipfile.BadZipFile):
        pass  # missing, truncated or no index: build it
    index = scan(path)
    try:
        replace_file(file, lambda stream: np.savez(stream, starts=index.starts, problem=index.problem, stamp=now))
    except OSError as error:
        raise OSError(f'{file}: the index of {path} cannot be stored ({error}): give index_dir, a folder to write to') from None
    return index


def _is_index(starts: np.ndarray) -> bool:
    if starts.ndim != 1 or starts.dtype != np.int64 or not len(starts):
        return False
    return bool(starts[0] >= 0 and (np.diff(starts) >= 0).all())


def load_indices(paths: Sequence[str], index_dir: str | Path | None = None) -> list[ShardIndex]:
    """The indices of shards, several at a time."""
    paths = list(paths)
    missing = sum(not index_path(path, index_dir).is_file() for path in paths)
    if missing:
        MMLogger.get_current_instance().info(f'building the indices of {missing} of {len(paths)} shards')
    with ThreadPoolExecutor(_THREADS) as pool:
        return list(pool.map(lambda path: load_index(path, index_dir), paths))


def read_members(content: bytes, where: str) -> tuple[str, dict[str, bytes]]:
    """Key and parts (suffix -> content) of one sample, from its bytes in the shard.

    Args:
        where: the sample's name in errors.

    Raises:
        BadSampleError: the bytes are truncated, or not a tar.
    """
    key, parts = None, {}
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode='r:', tarinfo=_Member) as tar:
            for member in tar:
                if not _is_part(member):
                    continue
                name, suffix = split_name(member.name)
                key = name if key is None else key
                if name == key:
                    if member.issparse() or member.size > len(content):
                        raise tarfile.ReadError(f'{member.name} claims {member.size} bytes, more than are stored')
                    parts[suffix] = tar.extractfile(member).read()
    except (tarfile.TarError, ValueError, OverflowError, MemoryError) as error:
        raise BadSampleError(f'{where}: its bytes in the shard are cut off or damaged ({error})') from None
    if key is None:
        raise BadSampleError(f'{where}: its bytes in the shard hold no file')
    # Names that are not UTF-8 have surrogates, which logs and files refuse.
    return key.encode('utf-8', 'surrogateescape').decode('utf-8', 'backslashreplace'), parts
