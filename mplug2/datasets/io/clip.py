"""A clip read by PyAV: its length, and the frames that are asked for."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

import numpy as np

from .bad_samples import BadSampleError
from .files import media_errors, source_of
from .image import MAX_PIXELS
from .video_index import index_packets

_SKIP = 32  # packets: decoding as many is cheaper than seeking past them
_INTRA = 1  # FFmpeg's type of a frame that needs no other
_HELD_BACK = 2  # frames that an AVI counts and its decoder may not give: they are placeholders of B-frames packed with others


class WrongLengthError(BadSampleError):
    """The decoder gives another number of frames than the packets announce; the clip's length is right from then on."""


class Clip:
    """An open clip.

    Frames are counted as a player shows them: those that an edit list cuts off do not count. Where the container says when
    each frame is shown, only what the frames need is decoded; else everything up to the last of them.

    Args:
        path: names the clip in errors. content: the file's bytes, where they are at hand.

    Raises:
        BadSampleError: missing, empty, truncated or not a video.
    """

    def __init__(self, path: str, content: bytes | None = None) -> None:
        self.path = path
        self._source = source_of(path, content, 'video')
        with media_errors(path, 'PyAV cannot read it, so it is truncated or no video'), self._open() as container:
            size = None if content is None else len(content)
            self.index = index_packets(container, path if size else self._source, size)
        width, height = self.index.sides
        if width * height > MAX_PIXELS:
            raise BadSampleError(f'{path}: frames of {width} x {height} pixels, and {MAX_PIXELS} are allowed')
        self._length = self.index.length
        self._seeks = bool(self.index.times)
        if self._length == 0:
            raise BadSampleError(f'{path}: the clip has no frames')

    def __len__(self) -> int:
        return self._length

    @property
    def fps(self) -> float:
        """Frames a second, on average; 0 if it does not say."""
        return self.index.fps

    @property
    def seconds(self) -> list[float]:
        """When each frame is shown, since the first.

        Raises:
            BadSampleError: the clip says neither that nor how many frames a second has.
        """
        return [self._second(frame) for frame in range(len(self))]

    @property
    def duration(self) -> float:
        """Seconds, the last frame's included; errors as of `seconds`."""
        return self._second(len(self) - 1) + 1 / self._rate()

    def _second(self, frame: int) -> float:
        times = self.index.times
        if self._seeks and len(times) == len(self):
            return (times[frame] - times[0]) * self.index.time_base
        return frame / self._rate()

    def _rate(self) -> float:
        if not self.index.fps:
            raise BadSampleError(f'{self.path}: no video whose frame rate is known')
        return self.index.fps

    def read(self, frames: Sequence[int]) -> np.ndarray:
        """Frames in the order given: (T, H, W, 3) uint8 RGB, upright.

        Raises:
            BadSampleError: damaged. WrongLengthError: the length was wrong.
        """
        wanted = sorted(set(frames))
        with media_errors(self.path, 'PyAV cannot read it, so it is truncated or no video'):
            with self._open() as container:
                images = self._seek_frames(container, wanted) if self._seeks else None
            if images is None:
                with self._open() as container:
                    images = self._count_frames(container, wanted)
        return stack_frames(self.path, [images[frame] for frame in frames])

    def is_plain(self) -> bool:
        """Do decoders that seek less carefully than PyAV give the right frames? (`VideoIndex.plain`, and upright pixels.)"""
        if not self.index.plain:
            return False
        with media_errors(self.path, 'PyAV cannot read it, so it is truncated or no video'), self._open() as container:
            return _matrix(next(container.decode(video=0))) is None

    def _open(self) -> Any:
        import av

        if not isinstance(self._source, str):
            self._source.seek(0)
        # A name with a colon would be taken for a protocol.
        source = f'file:{self._source}' if isinstance(self._source, str) else self._source
        container = av.open(source, metadata_errors='replace')  # titles in whatever encoding are none of our business
        for stream in container.streams.video:
            stream.thread_count = 1  # or each worker decodes on all cores
        return container

    def _seek_frames(self, container: Any, wanted: list[int]) -> dict[int, np.ndarray] | None:
        """Frames by their times, or None: a seek ends elsewhere, or the decoder gives other times than the packets have."""
        stream, index, convert = container.streams.video[0], self.index, _Converter()
        decoded = _decode(container.demux(stream))
        place, images = 0, {}
        for number in wanted:
            time = index.times[number]
            key = index.keys[max(0, bisect.bisect_right(index.keys, time) - 1)]
            if index.places[key] - place > _SKIP:
                container.seek(key, stream=stream)
                packets = container.demux(stream)
                first = next(packets)
                if not first.is_keyframe or index.places.get(first.pts, len(index.places)) > index.places[key]:
                    return None
                decoded = _decode(chain([first], packets))
                start = next((frame for frame in decoded if frame.pts is None or frame.pts >= key), None)
                is_shown = index.times[bisect.bisect_left(index.times, key)] == key
                if start is None or (is_shown and (start.pts != key or start.pict_type != _INTRA)):
                    return None  # pictures that are renewed stripe by stripe (x264's intra-refresh) are whole only later
                decoded = chain([start], decoded)
            frame = next((frame for frame in decoded if frame.pts is None or frame.pts >= time), None)
            if frame is None or frame.pts != time:
                return None
            images[number] = convert(frame)
            place = index.places[time]
        return images

    def _count_frames(self, container: Any, wanted: list[int]) -> dict[int, np.ndarray]:
        """Frames by their number, decoded from the start; to the end, where times have failed: that count is true."""
        convert, images, number, last = _Converter(), {}, -1, wanted[-1]
        for number, frame in enumerate(container.decode(video=0)):
            if number in wanted:
                images[number] = convert(frame)
            if number == last and not self._seeks:
                return images
        count = number + 1
        if self._seeks and count:
            self._seeks, announced, self._length = False, self._length, count
            if count == announced:
                return images
            raise WrongLengthError(f'{self.path}: its packets announce {announced} frames, and its decoder gives {count}')
        if not count or self._length - count > _HELD_BACK:
            raise BadSampleError(f'{self.path}: truncated: it ends before frame {last} of {self._length}')
        end = convert(frame)
        return images | {later: end for later in wanted if later >= count}


def _decode(packets: Iterable[Any]) -> Iterator[Any]:
    for packet in packets:
        yield from packet.decode()


class _Converter:
    """Frame -> (H, W, 3) uint8 RGB, upright. One for all frames: each new one sets the colour conversion up anew."""

    def __init__(self) -> None:
        from av.video.reformatter import VideoReformatter

        self._reformatter = VideoReformatter()

    def __call__(self, frame: Any) -> np.ndarray:
        pixels = self._reformatter.reformat(frame, format='rgb24').to_ndarray()
        matrix = _matrix(frame)
        return pixels if matrix is None else _upright(pixels, matrix)


def _matrix(frame: Any) -> np.ndarray | None:
    """The part of a frame's display matrix that turns and mirrors: (2, 2), or None if it does neither."""
    from av.sidedata.sidedata import SideDataContainer

    # ``frame.side_data`` would be one that the frame holds too: a cycle, which keeps the frame until the collector runs.
    data = next((data for data in SideDataContainer(frame) if data.type.name == 'DISPLAYMATRIX'), None)
    if data is None:
        return None
    turn = np.frombuffer(bytes(data), np.int32).reshape(3, 3)[:2, :2]
    return None if turn[0, 0] > 0 and turn[1, 1] > 0 and abs(turn[0, 1]) < turn[0, 0] else turn


def _upright(pixels: np.ndarray, turn: np.ndarray) -> np.ndarray:
    """Turn by quarters and mirror; (x, y) goes to (a x + c y, b x + d y), where `turn` is ((a, b), (c, d)).

    Other angles go to the nearest quarter.
    """
    (a, b), (c, d) = turn.tolist()
    if abs(b) > abs(a):
        pixels, right, down = pixels.transpose(1, 0, 2), c, b
    else:
        right, down = a, d
    return np.ascontiguousarray(pixels[:: 1 if down > 0 else -1, :: 1 if right > 0 else -1])


def stack_frames(path: str, frames: list[np.ndarray]) -> np.ndarray:
    """Frames as one array.

    Raises:
        BadSampleError: they differ in size.
    """
    sizes = {frame.shape for frame in frames}
    if len(sizes) > 1:
        (height, width, _), (other_height, other_width, _), *_ = sorted(sizes)
        raise BadSampleError(f'{path}: its frames differ in size: {width} x {height} and {other_width} x {other_height} pixels')
    return np.stack(frames)
