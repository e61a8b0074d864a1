"""Which frames of a clip are taken, and one reader for each way to decode them."""

from __future__ import annotations

import io
import random
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from .bad_samples import BadSampleError
from .files import check_file, last_line, source_of
from .image import read_image

Choose = Callable[[int], list[int]]
_SHORT = 64  # frames
_HELD_BACK = 2  # frames that an AVI counts and its decoder may not give: they stand for B-frames packed with others


def sample_frames(length: int, num_frames: int, test_mode: bool) -> list[int]:
    """Split [0, length) into equal intervals and take a frame of each: the middle one in tests, a random one in training.

    A clip with fewer frames than asked repeats the last that was taken. (As the published code samples.)
    """
    taken = min(length, num_frames)
    bounds = np.linspace(0, length, taken + 1).astype(int).tolist()
    if test_mode:
        frames = [(start + end - 1) // 2 for start, end in pairwise(bounds)]
    else:
        frames = [random.randrange(start, end) for start, end in pairwise(bounds)]
    return frames + frames[-1:] * (num_frames - taken)


def read_decord(path: str, choose: Choose, content: bytes | None = None) -> np.ndarray:
    """Frames by decord, which decodes from the nearest key frame only: (T, H, W, 3) uint8 RGB.

    Containers that do not say when each frame is shown (`has_times`) are read by PyAV, from their start.

    Args:
        choose: number of frames -> which of them, in order. content: the file's bytes, where they are at hand.

    Raises:
        BadSampleError: missing, empty, truncated or not a video.
    """
    if not has_times(path, content):  # decord gives other frames of it than those asked for, or ends the process
        return read_pyav(path, choose, content)
    import decord

    source = source_of(path, content)
    try:
        reader = decord.VideoReader(source, num_threads=1)
        frames = choose(_length(path, len(reader)))
        wanted = sorted(set(frames))
        pixels = reader.get_batch(wanted).asnumpy()
        reader.seek(0)  # lets go of the frames that it decoded ahead
    except (RuntimeError, decord.DECORDError) as error:
        raise BadSampleError(f'{path}: decord cannot read it, so it is truncated or no video ({last_line(error)})') from None
    return pixels if wanted == frames else pixels[[wanted.index(frame) for frame in frames]]


def has_times(path: str, content: bytes | None = None) -> bool:
    """Is it MP4, QuickTime, Matroska or WebM? Those say when each frame is shown; AVI, MPEG, WMV and others do not, and
    decord, which seeks by such times, gives wrong frames of them.

    Raises:
        BadSampleError: missing, empty or not to be read.
    """
    if content is None:
        check_file(path)
        try:
            with open(path, 'rb') as file:
                content = file.read(8)
        except OSError as error:
            raise BadSampleError(f'{path}: cannot be read ({last_line(error)})') from None
    return content[4:8] in (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip') or content.startswith(b'\x1a\x45\xdf\xa3')


def read_pyav(path: str, choose: Choose, content: bytes | None = None) -> np.ndarray:
    """As `read_decord`, by PyAV."""
    import av

    source = source_of(path, content)
    try:
        with _opened(source) as container:
            stream = container.streams.video[0]
            if not has_times(path, content):
                length = stream.frames or sum(1 for packet in container.demux(stream) if packet.size)
                with _opened(source) as container:
                    return _read_through(container, path, choose, length, held_back=_HELD_BACK)
            if 0 < stream.frames <= _SHORT:  # as the container says
                return _read_through(container, path, choose, stream.frames)
            packets = [(packet.pts, packet.is_keyframe) for packet in container.demux(stream) if packet.pts is not None]
            times = sorted(time for time, _ in packets)
            keys = np.array(sorted(time for time, is_key in packets if is_key))
            frames = choose(_length(path, len(times)))
            found: dict[int, np.ndarray] = {}
            reached = None
            for time in sorted({times[frame] for frame in frames}):
                key = int(keys[max(0, np.searchsorted(keys, time, side='right') - 1)])
                if reached is None or key > reached:
                    container.seek(key, stream=stream)
                    decoded = container.decode(stream)
                for frame in decoded:
                    reached = frame.pts
                    if reached >= time:
                        found[time] = frame.to_ndarray(format='rgb24')
                        break
            return _stacked(path, [found[times[frame]] for frame in frames])
    except (av.FFmpegError, IndexError, KeyError) as error:
        raise BadSampleError(f'{path}: PyAV cannot read it, so it is truncated or no video ({last_line(error)})') from None


def _opened(source: str | io.BytesIO) -> Any:
    import av

    if not isinstance(source, str):
        source.seek(0)
    container = av.open(source, metadata_errors='replace')  # titles in whatever encoding are none of our business
    for stream in container.streams.video:
        stream.thread_count = 1  # or each worker decodes on all cores
    return container


def _read_through(container: Any, path: str, choose: Choose, length: int, held_back: int = 0) -> np.ndarray:
    """Decode a clip from its start to the last frame that is wanted. Of a short one that is cheaper than seeking.

    Args:
        held_back: so many frames may be missing at the end, for which the last one stands in.
    """
    from av.video.reformatter import VideoReformatter

    frames = choose(_length(path, length))
    last, wanted, found = max(frames), set(frames), {}
    to_rgb = VideoReformatter()  # one for all frames: each new one sets the colour conversion up anew
    place = -1
    for place, frame in enumerate(container.decode(video=0)):
        if place in wanted:
            found[place] = to_rgb.reformat(frame, format='rgb24').to_ndarray()
        if place == last:
            break
    if place < last:
        if place < 0 or length - 1 - place > held_back:
            raise BadSampleError(f'{path}: truncated: it ends before frame {last} of {length}')
        end = to_rgb.reformat(frame, format='rgb24').to_ndarray()
        found |= {later: end for later in wanted if later > place}
    return _stacked(path, [found[frame] for frame in frames])


def read_frames(path: str, choose: Choose, content: None = None) -> np.ndarray:
    """As `read_decord`, from a folder of images, one a frame, in the order of the numbers in their names."""
    if content is not None or not Path(path).is_dir():
        raise BadSampleError(f"{path}: no such folder; the backend 'frames' reads a clip from a folder of images")
    files = [file for file in Path(path).iterdir() if file.suffix.lower() in Image.registered_extensions()]
    files.sort(key=lambda file: [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', file.name)])
    return _stacked(path, [read_image(str(files[frame])) for frame in choose(_length(path, len(files)))])


def _stacked(path: str, frames: list[np.ndarray]) -> np.ndarray:
    sizes = {frame.shape for frame in frames}
    if len(sizes) > 1:
        (height, width, _), (other_height, other_width, _), *_ = sorted(sizes)
        raise BadSampleError(f'{path}: its frames differ in size: {width} x {height} and {other_width} x {other_height} pixels')
    return np.stack(frames)


READERS: dict[str, Callable[[str, Choose, bytes | None], np.ndarray]] = {
    'decord': read_decord,
    'pyav': read_pyav,
    'frames': read_frames,
}


def read_video(path: str | Path, choose: Choose, backend: str = 'decord', content: bytes | None = None) -> np.ndarray:
    """Frames of a clip: (T, H, W, 3) uint8 RGB; only what they need is decoded of containers with times (`has_times`).

    Args:
        choose: number of frames -> which of them, in order. backend: of `READERS`. content: the file's bytes, where they are
            at hand; the path then only names it.

    Raises:
        BadSampleError: missing, empty, truncated or not a video.
    """
    return READERS[backend](str(path), choose, content)


def _length(path: str, length: int) -> int:
    if length == 0:
        raise BadSampleError(f'{path}: the clip has no frames')
    return length
