"""Writing shards: images or clips with their texts, fetched, checked and put into tar files of a fixed number of items.

Shard n holds the items from n * per_shard on, as far as they could be fetched. It appears under its name
when it is complete, so a stopped conversion continues with the missing shards.
"""

from __future__ import annotations

import errno
import http.client
import io
import json
import socket
import stat
import sys
import tarfile
import time
import urllib.error
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from PIL import Image

from ...utils.fetching import MAX_BYTES, FetchLimitError, fetch_url
from ...utils.files import replacing, sweep_temporary, write_text
from ...utils.retrying import tried
from ..io.bad_samples import AnnotationError, BadSampleError
from ..io.files import SUFFIXES, media_errors
from ..io.image import MAX_PIXELS, check_size, to_rgb
from ..io.video import read_pyav
from .index import load_index

NOTES = 'shards.json'  # beside the shards: what they are made of
TRIES, PAUSE = 3, 1.0  # of a fetch; seconds after the first try, doubled after the next
_PASSING = (socket.EAI_AGAIN, errno.ENETUNREACH, errno.EHOSTUNREACH)
_FORMATS = {'JPEG': 'jpg', 'PNG': 'png', 'WEBP': 'webp'}  # kept; other formats become JPEGs


class FetchError(BadSampleError):
    """A file could not be fetched, for a reason of its own."""


class UnavailableError(FetchError):
    """A file or host is unavailable, for a reason that may hold for all: a wrong folder, permissions, a proxy."""


class UnreachableError(UnavailableError):
    """A transient failure of a server or the network."""


class Item(NamedTuple):
    """An entry of a source. source: a path or a URL, or '' if a line of the list is malformed; captions: of the media; meta:
    more fields of the sample's ``.json``."""

    source: str
    captions: list[str]
    meta: dict[str, Any]


class ShardWriter:
    """A tar file that appears under its name, with its index, when it is complete.

    Args:
        path: of the tar file.
    """

    def __init__(self, path: Path) -> None:
        self.path, self._replacing = path, replacing(path)
        self.samples = 0

    def __enter__(self) -> ShardWriter:
        self._tar = tarfile.open(self._replacing.__enter__(), 'w')
        return self

    def add(self, key: str, parts: dict[str, bytes]) -> None:
        """Add a sample. parts: suffix -> content. The key must not contain a dot."""
        for suffix, content in parts.items():
            member = tarfile.TarInfo(f'{key}.{suffix}')
            member.size = len(content)
            self._tar.addfile(member, io.BytesIO(content))
        self.samples += 1

    def __exit__(self, *error: Any) -> None:
        try:
            self._tar.close()
        except OSError:  # a full disk
            self._replacing.__exit__(*sys.exc_info())
            raise
        self._replacing.__exit__(*error)
        if error[0] is None:
            load_index(str(self.path))


def fetch(source: str, timeout: float = 20.0, max_bytes: int = MAX_BYTES, allow_private: bool = False) -> bytes:
    """A file's bytes, from a path or a URL; retried after failures of a server or the network.

    Args:
        timeout: seconds for all of a try. max_bytes: of the file. allow_private: as in `fetch_url`.

    Raises:
        FetchError: it cannot be fetched; a short reason, so that reasons can be counted.
    """
    once = partial(_fetch_once, source, timeout, max_bytes, allow_private)
    return tried(once, UnreachableError, [PAUSE * 2**number for number in range(TRIES - 1)])


def _fetch_once(source: str, timeout: float, max_bytes: int, allow_private: bool) -> bytes:
    try:
        if '://' not in source:
            return _read_file(Path(source), max_bytes)
        return fetch_url(source, timeout, max_bytes, allow_private)
    except FetchLimitError as error:
        raise FetchError(str(error)) from None
    except urllib.error.HTTPError as error:
        passing = error.code >= 500 or error.code == http.HTTPStatus.TOO_MANY_REQUESTS
        raise (UnreachableError if passing else FetchError)(f'HTTP {error.code}') from None
    except FileNotFoundError:
        raise UnavailableError('no such file') from None
    except (OSError, ValueError, http.client.HTTPException) as error:
        reason = getattr(error, 'reason', error)
        passing = isinstance(reason, (TimeoutError, ConnectionError, http.client.IncompleteRead))
        passing = passing or getattr(reason, 'errno', None) in _PASSING
        message = reason if isinstance(reason, str) else type(reason).__name__
        message = 'timed out' if isinstance(reason, TimeoutError) else message
        kind = UnavailableError if isinstance(reason, OSError) else FetchError  # the URL itself is wrong
        raise (UnreachableError if passing else kind)(message) from None


def _read_file(path: Path, max_bytes: int) -> bytes:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode) and not stat.S_ISDIR(status.st_mode):
        raise FetchLimitError('no regular file')  # a device never ends
    if status.st_size > max_bytes:
        raise FetchLimitError(f'more than {max_bytes} bytes')
    return path.read_bytes()


def check_image(source: str, content: bytes, short_side: int | None = None, max_pixels: int = MAX_PIXELS) -> tuple[str, bytes]:
    """An image's suffix and bytes, if it can be decoded.

    Args:
        short_side: pixels; an image whose shorter side is longer is resized. Re-encoded images are as `to_rgb` makes them.
        max_pixels: of an image.

    Raises:
        BadSampleError: it cannot be decoded.
    """
    try:
        with media_errors(source, 'no image, or a damaged one'), Image.open(io.BytesIO(content)) as image:
            check_size(source, image, max_pixels)
            image.load()
            small = short_side is None or min(image.size) <= short_side
            if small and image.format in _FORMATS:
                return _FORMATS[image.format], content
            image = to_rgb(image)
            if not small:
                scale = short_side / min(image.size)
                image = image.resize([round(side * scale) for side in image.size], Image.Resampling.LANCZOS)
            stream = io.BytesIO()
            image.save(stream, 'JPEG', quality=95)
            return 'jpg', stream.getvalue()
    except BadSampleError:
        raise BadSampleError('no image, or a damaged one') from None


def check_video(source: str, content: bytes, short_side: None = None) -> tuple[str, bytes]:
    """A clip's suffix and bytes, if its first frame can be decoded.

    Raises:
        BadSampleError: it cannot be decoded.
    """
    try:
        read_pyav(source, lambda length: [0], content)
    except BadSampleError:
        raise BadSampleError('no clip, or a damaged one') from None
    suffix = source.split('?')[0].rpartition('.')[2].lower()
    return suffix if suffix in SUFFIXES['video'] else 'mp4', content


CHECKS: dict[str, Callable[[str, bytes, int | None], tuple[str, bytes]]] = {'image': check_image, 'video': check_video}


def _sample(item: Item, media: str, short_side: int | None, get: Callable[[str], bytes]) -> dict[str, bytes]:
    if not item.source:
        raise BadSampleError('malformed line')
    captions = [' '.join(caption.split()) for caption in item.captions]
    captions = [caption for caption in captions if caption]
    if not captions:
        raise BadSampleError('no caption')
    suffix, content = CHECKS[media](item.source, get(item.source), short_side)
    meta = {**item.meta, 'source': item.source, 'captions': captions}
    return {suffix: content, 'txt': captions[0].encode(), 'json': json.dumps(meta, ensure_ascii=False).encode()}


def _ahead(call: Callable[[Item], Any], items: Iterable[Item], workers: int) -> Iterator[dict[str, bytes] | BadSampleError]:
    """Results in order, computed in threads, a few in advance: media are large, so not all at once."""

    def safe(item: Item) -> Any:
        try:
            return call(item)
        except BadSampleError as error:
            return error

    with ThreadPoolExecutor(workers) as pool:
        running: deque = deque()
        for item in items:
            running.append(pool.submit(safe, item))
            if len(running) > 4 * workers:
                yield running.popleft().result()
        while running:
            yield running.popleft().result()


def write_notes(path: Path, notes: Any) -> None:
    """Write notes beside shards as JSON: a conversion that continues relies on them."""
    write_text(path, json.dumps(notes, ensure_ascii=False))


def note_source(out: Path, notes: dict[str, Any]) -> None:
    """Record the source of a folder's shards, or check that it is the recorded one.

    Raises:
        AnnotationError: the folder has shards of another source.
    """
    out.mkdir(parents=True, exist_ok=True)
    sweep_temporary(out)
    file = out / NOTES
    if file.is_file():
        stored = json.loads(file.read_text(encoding='utf-8'))
        changed = sorted(key for key, value in stored.items() if value != notes.get(key))
        if changed:
            differences = '; '.join(f'{key} was {stored.get(key)!r} and is {notes.get(key)!r}' for key in changed)
            raise AnnotationError(
                f'{out} has shards made with other arguments ({differences}): give another folder, or the same arguments'
            )
    write_notes(file, notes)


def write_shards(
    items: Iterable[Item],
    out: Path,
    media: str,
    per_shard: int = 10_000,
    workers: int = 16,
    short_side: int | None = None,
    timeout: float = 20.0,
    max_unreachable: float = 0.5,
    report: Callable[[str], None] = print,
    source: str = '',
    max_bytes: int = MAX_BYTES,
    allow_private: bool = False,
) -> Counter:
    """Write ``00000.tar``, ``00001.tar``, ... with their indices and a ``00000_stats.json`` each; existing ones stay.

    Args:
        items: all of the source, in a fixed order. media: 'image' or 'video'. per_shard: items of a shard.
        workers: threads that fetch. short_side: as in `check_image`. timeout, max_bytes, allow_private: of `fetch`.
        report: called once a shard.
        max_unreachable: share of a shard's items that may be unavailable; below 1, at least one item
            of a full shard must be fetched. source: where the items are from; a folder has shards of one source.

    Returns:
        'listed', 'written', and the number of items left out for each reason.

    Raises:
        ConnectionError: too many are unavailable; the shard is not written, so the next call tries it again.
        AnnotationError: the folder has shards of another source, or made with other arguments.
    """
    note_source(out, dict(source=source, media=media, per_shard=per_shard, short_side=short_side))
    get = partial(fetch, timeout=timeout, max_bytes=max_bytes, allow_private=allow_private)
    call = partial(_sample, media=media, short_side=short_side, get=get)
    total: Counter = Counter()
    items = iter(items)
    number = 0
    while listed := list(islice(items, per_shard)):
        path, start = out / f'{number:05d}.tar', time.perf_counter()
        stats_file = out / f'{number:05d}_stats.json'
        done = path.is_file() and stats_file.is_file()
        if not done:
            stats = _write(path, listed, call, workers, max_unreachable, whole=len(listed) == per_shard)
            write_notes(stats_file, stats)
        stats = Counter(json.loads(stats_file.read_text(encoding='utf-8')))
        if stats['listed'] != len(listed):
            raise AnnotationError(f'{path} was made of {stats["listed"]} items, but the source has {len(listed)} there')
        total += stats
        report(describe(path.name, stats) + ('  (there already)' if done else f'  {rate(stats, start):.0f}/s'))
        number += 1
    return total


def _write(
    path: Path, listed: list[Item], call: Callable[[Item], Any], workers: int, max_unreachable: float, whole: bool
) -> Counter:
    stats, unreachable, failed = Counter(listed=len(listed)), 0, 0
    digits = max(4, len(str(len(listed) - 1)))
    with ShardWriter(path) as shard:
        for position, sample in enumerate(_ahead(call, listed, workers)):
            if isinstance(sample, BadSampleError):
                stats[str(sample)] += 1
                unreachable += isinstance(sample, UnavailableError)
                failed += isinstance(sample, FetchError)
                nothing = failed == len(listed) and whole and max_unreachable < 1  # a short last shard may have none
                if nothing or unreachable > max_unreachable * len(listed):
                    raise ConnectionError(
                        f'{path}: {failed} of {len(listed)} items could not be fetched (the last: {sample}, '
                        f'{listed[position].source}), more than the share of {max_unreachable:g} that max_unreachable allows; '
                        'once the network or the folder is right, the same command continues with this shard; '
                        '--max-unreachable 1 writes what can be fetched'
                    )
            else:
                shard.add(f'{path.stem}{position:0{digits}d}', sample)
        stats['written'] = shard.samples
    return stats


def rate(stats: Counter, start: float) -> float:
    return stats['listed'] / max(1e-9, time.perf_counter() - start)


def describe(name: str, stats: Counter) -> str:
    """One line: how many listed items were written, and why others were not."""
    reasons = ', '.join(f'{count:,} {reason}' for reason, count in stats.most_common() if reason not in ('listed', 'written'))
    return f'{name}: {stats["written"]:,} of {stats["listed"]:,}' + (f' (left out: {reasons})' if reasons else '')
