"""A part of a clip, from one second to another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .bad_samples import BadSampleError
from .files import media_errors, source_of

Choose = Callable[[int], list[int]]


def within(
    choose: Choose, path: str, start: float | None = None, end: float | None = None, content: bytes | None = None
) -> Choose:
    """Choose frames of a part of a clip as `choose` does of a whole one.

    Args:
        choose: number of frames -> which of them. start, end: seconds; None for those of the clip. content: the file's bytes,
            where they are at hand.

    Raises:
        BadSampleError: the frame rate is unknown; or, of what is returned, there are no frames between start and end.
    """
    return partial(_choose_part, choose, path, frame_rate(path, content), start or 0.0, end)


def _choose_part(choose: Choose, path: str, rate: float, start: float, end: float | None, length: int) -> list[int]:
    first = round(start * rate)
    last = length if end is None else min(length, round(end * rate))
    if not 0 <= first < last:
        raise BadSampleError(f'{path}: no frames from {start} to {end} seconds; it lasts {length / rate:.2f} seconds')
    return [first + frame for frame in choose(last - first)]


def frame_rate(path: str, content: bytes | None = None) -> float:
    """Frames a second of a video file, on average.

    Raises:
        BadSampleError: missing, or no video.
    """
    import av

    with media_errors(path, 'no video whose frame rate is known'):
        source = source_of(path, content, 'video')
        with av.open(f'file:{source}' if isinstance(source, str) else source, metadata_errors='replace') as container:
            stream = container.streams.video[0]
            return float(stream.average_rate or stream.guessed_rate or stream.base_rate)
