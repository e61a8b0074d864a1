"""What the page and the HTTP API share: uploads of a bounded size, one request at a time, errors in one sentence."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np
from mmengine.logging import print_log
from PIL import Image

from ..apis import EmbeddingIndex, Inferencer
from ..apis.inputs import as_media
from ..apis.results import Result, SeenFrames
from ..datasets.io.bad_samples import BadSampleError

T = TypeVar('T')
BAD_REQUEST = (BadSampleError, OSError, ValueError, TypeError)


class RequestError(Exception):
    """What is wrong with a request, in one sentence for whoever made it."""


class BusyError(RequestError):
    """Too many requests wait."""


@dataclass
class Limits:
    """upload: bytes of a file. pixels: of an image or frame. text: characters. waiting: requests that run or wait."""

    upload: int = 64 * 2**20
    pixels: int = 50_000_000
    text: int = 10_000
    waiting: int = 16


class Answer(NamedTuple):
    """result: of the model. seconds: that it took, without waiting for others."""

    result: Any
    seconds: float


class Service:
    """A model that answers one request after the other.

    Inputs are files that were uploaded; what a client writes is never taken for a path or URL.

    Args:
        model: of images, clips and texts, or a detector. detector: finds objects beside the model. index: that `search` looks
            into, made by `model`.

    Raises:
        ValueError: the index was made by other weights, or is empty.
    """

    def __init__(
        self,
        model: Inferencer,
        detector: Inferencer | None = None,
        index: EmbeddingIndex | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.model, self.index, self.limits = model, index, limits or Limits()
        if index is not None:
            index.search(model, 'a', top_k=1)  # of other weights, or empty: said now rather than at a request
        self.detector = detector or (model if 'detect' in model.methods else None)
        self._running = threading.Lock()
        self._slots = threading.BoundedSemaphore(self.limits.waiting)

    @property
    def methods(self) -> list[str]:
        """What can be asked of it, named as in `Inferencer`."""
        able = [name for name in self.model.methods if name != 'search']
        if able and self.model.detector is None and {'caption', 'match', 'answer', 'ground'} & set(able):
            able.append('attention')
        if self.index is not None:
            able.append('search')
        return able + [name for name in ('detect', 'segment') if self.detector is not None and name not in able]

    def ask(self, method: str, media: str | Path | None, /, *texts: str | None, name: str = '', **options: Any) -> Answer:
        """Run a method on an uploaded file, or on texts alone if there is none.

        Args:
            name: of the file, as its owner calls it.

        Raises:
            RequestError: the input is bad, or the model cannot do this. BusyError: too many wait.
        """
        if method not in self.methods:
            raise RequestError(f'this server cannot {method}; it can {", ".join(self.methods)}')
        self._check_texts(texts)
        model = self.detector if method in ('detect', 'segment') else self.model
        if media is None:
            return self._run(lambda: getattr(model, method)(*texts, **options))
        name = name or Path(media).name
        with self._named(media, name):
            self._check_pixels(media)
            answer = self._run(lambda: getattr(model, method)(media, *texts, **options))
        answer.result.source = name
        return answer

    def search(self, text: str, top_k: int = 10) -> Answer:
        """The nearest of the index, as results; errors as of `ask`."""
        if self.index is None:
            raise RequestError('this server has no index: start it with mplug2 serve --index FOLDER')
        self._check_texts([text])
        if not 1 <= top_k <= 100:
            raise RequestError(f'top_k is from 1 to 100, not {top_k}')
        return self._run(lambda: self.index.find(self.model, text, top_k=top_k))

    def frames(self, media: str | Path, **part: float | None) -> SeenFrames:
        """The frames that the model reads, with their times; errors as of `ask`."""
        with self._named(media, Path(media).name):
            self._check_pixels(media)
            return self._run(lambda: self.model.frames(media, **part)).result

    def thumbnail(self, result: Result) -> np.ndarray:
        """The first frame of a hit of the index."""
        start, end = result.times or (None, None)
        return self._run(lambda: self.model.frames(result.source, start, end)).result.frames[0]

    def _run(self, call: Callable[[], Any]) -> Answer:
        if not self._slots.acquire(blocking=False):
            raise BusyError(f'{self.limits.waiting} requests wait already: try again in a moment')
        try:
            with self._running:
                start = time.perf_counter()
                result = call()
                return Answer(result, time.perf_counter() - start)
        except RequestError:
            raise
        except BAD_REQUEST as error:
            raise RequestError(_sentence(error)) from error
        except Exception as error:
            print_log(f'a request failed: {error!r}', logger='current', level=logging.ERROR)
            raise RequestError('the server failed at this request; its log says why') from error
        finally:
            self._slots.release()

    @contextmanager
    def _named(self, media: str | Path, name: str) -> Iterator[None]:
        """Errors call the file what its owner does, and show no path of the server."""
        try:
            yield
        except RequestError as error:
            raise type(error)(str(error).replace(str(media), name)) from error

    def _check_texts(self, texts: Any) -> None:
        for text in texts:
            if text is not None and len(text) > self.limits.text:
                raise RequestError(f'a text of {len(text)} characters; at most {self.limits.text} are read')

    def _check_pixels(self, media: str | Path) -> None:
        """Refuse files that are small but decode to more than the server's memory."""
        size = Path(media).stat().st_size
        if size > self.limits.upload:
            raise RequestError(f'{media} has {size / 2**20:.0f} MiB; at most {self.limits.upload / 2**20:.0f} are read')
        width, height = _size_of(media)
        if width * height > self.limits.pixels:
            raise RequestError(f'{media} has {width} x {height} pixels; at most {self.limits.pixels} are read')


def _size_of(media: str | Path) -> tuple[int, int]:
    """Width and height that a file announces; (0, 0) where it is unreadable, which the model then says better."""
    import av

    try:
        if as_media(media).kind == 'image':
            with Image.open(media) as image:
                return image.size
        with av.open(str(media), metadata_errors='replace') as container:
            stream = container.streams.video[0]
            return stream.width, stream.height
    except Image.DecompressionBombError:
        return 2**31, 1
    except (OSError, ValueError, IndexError, SyntaxError):
        return 0, 0


def _sentence(error: Exception) -> str:
    return ' '.join(str(error).split()) or type(error).__name__
