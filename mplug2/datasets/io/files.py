"""What a decoder opens: a file, or its bytes."""

from __future__ import annotations

import io
from pathlib import Path

from .bad_samples import BadSampleError


def check_file(path: str) -> None:
    """Raise `BadSampleError` unless a file is there and holds something."""
    try:
        size = Path(path).stat().st_size
    except OSError:
        raise BadSampleError(f'{path}: no such file') from None
    if size == 0:
        raise BadSampleError(f'{path}: the file is empty (0 bytes)')


def source_of(path: str, content: bytes | None = None) -> str | io.BytesIO:
    """What a decoder opens: the file, or its bytes where they were read before (from a shard).

    Raises:
        BadSampleError: no such file, or nothing in it.
    """
    if content is None:
        check_file(path)
        return path
    if not content:
        raise BadSampleError(f'{path}: the file is empty (0 bytes)')
    return io.BytesIO(content)


def last_line(error: Exception) -> str:
    """An error's text in one line: decoders append stack traces."""
    return str(error).strip().split('\n')[0]
