"""A part of a clip, from one second to another."""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence

from .bad_samples import BadSampleError
from .clip import Clip

Choose = Callable[[int], list[int]]


class Part:
    """Frames of a part of a clip, chosen as of a whole one.

    Args:
        choose: number of frames -> which of them. start, end: seconds since the first frame; None for those of the clip.
    """

    def __init__(self, choose: Choose, start: float | None = None, end: float | None = None) -> None:
        self.choose, self.start, self.end = choose, start or 0.0, end

    def frames(self, clip: Clip) -> list[int]:
        """Which frames of a clip.

        The part begins with the frame that is shown nearest to its start, and ends before the one nearest to its end; one that
        is shorter than a frame has one.

        Raises:
            BadSampleError: there is none, or it is not known when frames are shown.
        """
        times = [*clip.seconds, clip.duration]
        first = _nearest(times, self.start) if self.start >= 0 else -1
        last = len(clip)
        if self.end is not None and self.end > self.start:
            last = max(_nearest(times, self.end), first + 1)
        if not 0 <= first < len(clip) or (self.end is not None and self.end <= self.start):
            raise BadSampleError(
                f'{clip.path}: no frames from {self.start} to {self.end} seconds; it lasts {clip.duration:.2f} seconds'
            )
        return [first + frame for frame in self.choose(last - first)]


def chosen(choose: Choose | Part, clip: Clip) -> list[int]:
    """The frames of a clip that are chosen."""
    return choose.frames(clip) if isinstance(choose, Part) else choose(len(clip))


def _nearest(times: Sequence[float], second: float) -> int:
    place = bisect.bisect_left(times, second)
    if place in (0, len(times)):
        return min(place, len(times) - 1)
    return place if times[place] - second < second - times[place - 1] else place - 1
