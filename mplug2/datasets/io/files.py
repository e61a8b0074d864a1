"""What a decoder opens: a file, or its bytes."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .bad_samples import BadSampleError

# Endings of media, without dot, in the order in which they are looked for. Case does not matter.
SUFFIXES = {
    'image': ('jpg', 'jpeg', 'png', 'webp', 'bmp', 'gif', 'tif', 'tiff', 'avif'),
    'video': ('mp4', 'webm', 'mkv', 'avi', 'mov', 'm4v', 'mpg', 'mpeg', 'wmv', 'flv', 'ts', '3gp', 'gif'),
}


# How files begin that name others, which FFmpeg would open: of HLS, its own lists, DASH, session descriptions.
PLAYLISTS = (b'#extm3u', b'ffconcat', b'<?xml', b'<mpd', b'v=0', b'[playlist]', b'[reference]')


def is_playlist(head: bytes) -> bool:
    """By the first bytes of a file."""
    return head.removeprefix(b'\xef\xbb\xbf').lstrip().lower().startswith(PLAYLISTS)


def is_media(path: Path, kind: str) -> bool:
    """Does the name say that it is an image or a video, and not a hidden file (``._a.jpg``, ``.ipynb_checkpoints``)?"""
    return not path.name.startswith('.') and path.suffix[1:].lower() in SUFFIXES[kind]


def find_media(folder: Path, kind: str) -> list[Path]:
    """The images or videos below a folder, sorted; hidden files and folders are left out."""
    paths = (path for path in folder.rglob('*') if is_media(path, kind))
    return sorted(path for path in paths if not any(part.startswith('.') for part in path.relative_to(folder).parts))


def locate(path: str, kind: str) -> str:
    """The file itself, or if there is none the one beside it that differs in its ending: ``a.mp4`` may be stored as ``a.MP4``,
    and a clip as ``a.mkv``."""
    if Path(path).exists():
        return path
    stem, _, suffix = path.rpartition('.')
    endings = SUFFIXES['video'] if kind == 'video' and suffix.lower() in SUFFIXES['video'] else (suffix.lower(),)
    tries = (f'{stem}.{ending}' for lower in endings for ending in (lower, lower.upper(), lower.title()))
    return next((other for other in tries if stem and Path(other).is_file()), path)


def check_inside(path: str, folder: str) -> None:
    """Hold a file that an annotation names to its folder, ``..`` and links followed.

    Raises:
        BadSampleError: it is elsewhere.
    """
    try:
        real, root = os.path.realpath(path), os.path.realpath(folder)
    except (OSError, ValueError):
        return  # no name of a file, as reading it says
    if not _inside(real, root):
        steps = [Path(path), *Path(path).parents]
        link = next((step for step in steps if step.is_symlink() and not _inside(os.path.realpath(step), root)), None)
        by_link = f', which the link {link} leads out of' if link and Path(folder) in link.parents else ''
        raise BadSampleError(
            f'{path} is {real}, outside of {folder}: annotations name files of their folder{by_link}; follow_links=True of the '
            'data set trusts its links (--cfg-options train_dataloader.dataset.follow_links=True)'
        )


def _inside(real: str, root: str) -> bool:
    return real == root or real.startswith(root.rstrip(os.sep) + os.sep)


def source_of(path: str, content: bytes | None = None, kind: str = 'image') -> str | io.BytesIO:
    """What a decoder opens: the file (`locate`), or its bytes where they were read before (from a shard).

    Raises:
        BadSampleError: no such file, or nothing in it.
    """
    if content is not None:
        if not content:
            raise BadSampleError(f'{path}: the file is empty (0 bytes)')
        if kind == 'video' and is_playlist(content[:64]):
            raise BadSampleError(f'{path}: a playlist, which names other files, is no video')
        return io.BytesIO(content)
    try:
        path = locate(path, kind)
        size = Path(path).stat().st_size
    except (OSError, ValueError):  # a name may hold a NUL, or a half of a surrogate pair
        raise BadSampleError(f'{path}: no such file') from None
    if size == 0:
        raise BadSampleError(f'{path}: the file is empty (0 bytes)')
    if kind == 'video' and is_playlist(_head(path)):
        raise BadSampleError(f'{path}: a playlist, which names other files, is no video')
    return path


def _head(path: str) -> bytes:
    try:
        with open(path, 'rb') as file:
            return file.read(64)
    except OSError:
        return b''  # decoding it says what is wrong


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
