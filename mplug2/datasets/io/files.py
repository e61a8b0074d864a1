"""What a decoder opens: a file, or its bytes."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .bad_samples import BadSampleError

# Endings of media, without dot, in the order in which they are looked for. Case does not matter.
SUFFIXES = {
    'image': ('jpg', 'jpeg', 'png', 'webp', 'bmp', 'gif', 'tif', 'tiff', 'avif'),
    'video': ('mp4', 'webm', 'mkv', 'avi', 'mov', 'm4v', 'mpg', 'mpeg', 'wmv', 'flv', 'ts', '3gp', 'gif'),
}


def is_media(path: Path, kind: str) -> bool:
    """Does the name say that it is an image or a video, and not a hidden file (``._a.jpg``, ``.ipynb_checkpoints``)?"""
    return not path.name.startswith('.') and path.suffix[1:].lower() in SUFFIXES[kind]


def find_media(folder: Path, kind: str) -> list[Path]:
    """The images or videos below a folder, sorted; hidden files and folders are left out."""
    paths = (path for path in folder.rglob('*') if is_media(path, kind))
    return sorted(path for path in paths if not any(part.startswith('.') for part in path.relative_to(folder).parts))


def locate(path: str, kind: str) -> str:
    """The file itself, or if there is none the one beside it that differs in its ending: ``a.mp4`` may lie as ``a.MP4``, and a
    clip as ``a.mkv``."""
    if Path(path).exists():
        return path
    stem, _, suffix = path.rpartition('.')
    endings = SUFFIXES['video'] if kind == 'video' and suffix.lower() in SUFFIXES['video'] else (suffix.lower(),)
    tries = (f'{stem}.{ending}' for lower in endings for ending in (lower, lower.upper(), lower.title()))
    return next((other for other in tries if stem and Path(other).is_file()), path)


def source_of(path: str, content: bytes | None = None, kind: str = 'image') -> str | io.BytesIO:
    """What a decoder opens: the file (`locate`), or its bytes where they were read before (from a shard).

    Raises:
        BadSampleError: no such file, or nothing in it.
    """
    if content is not None:
        if not content:
            raise BadSampleError(f'{path}: the file is empty (0 bytes)')
        return io.BytesIO(content)
    try:
        path = locate(path, kind)
        size = Path(path).stat().st_size
    except (OSError, ValueError):  # a name may hold a NUL, or a half of a surrogate pair
        raise BadSampleError(f'{path}: no such file') from None
    if size == 0:
        raise BadSampleError(f'{path}: the file is empty (0 bytes)')
    return path


@contextmanager
def media_errors(path: str, what: str) -> Iterator[None]:
    """Turn whatever a decoder raises of a damaged file into a `BadSampleError`.

    Decoders raise errors of all kinds, a RecursionError and a MemoryError (a size that a damaged header claims) among them.
    """
    try:
        yield
    except (BadSampleError, ImportError):
        raise
    except Exception as error:
        raise BadSampleError(f'{path}: {what} ({last_line(error)})') from None


def last_line(error: Exception) -> str:
    """An error's text in one line: decoders append stack traces."""
    return (str(error).strip() or type(error).__name__).split('\n')[0]
