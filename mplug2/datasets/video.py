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

from .errors import BadSampleError

# What Pillow raises for broken files, for what it does not know of their formats, and for hundreds of millions of pixels.
PICTURE_ERRORS = (OSError, SyntaxError, ValueError, NotImplementedError, Image.DecompressionBombError)

Choose = Callable[[int], list[int]]
_SHORT = 64  # frames


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


def read_decord(path: str, choose: Choose, content: bytes | None = None) -> np.ndarray:
    """Frames by decord, which decodes from the nearest key frame only: (T, H, W, 3) uint8 RGB.

    Args:
        choose: number of frames -> which of them, in order. content: the file's bytes, where they are at hand.

    Raises:
        BadSampleError: missing, empty, truncated or not a video.
    """
    if content is not None and content.startswith(b'RIFF'):  # a truncated AVI ends the process that decord reads from memory
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
        raise BadSampleError(f'{path}: decord cannot read it, so it is truncated or no video ({_last(error)})') from None
    return pixels if wanted == frames else pixels[[wanted.index(frame) for frame in frames]]


def read_pyav(path: str, choose: Choose, content: bytes | None = None) -> np.ndarray:
    """As `read_decord`, by PyAV."""
    import av

    source = source_of(path, content)
    try:
        with av.open(source, metadata_errors='replace') as container:  # titles in whatever encoding are none of our business
            stream = container.streams.video[0]
            stream.thread_count = 1
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
            return np.stack([found[times[frame]] for frame in frames])
    except (av.FFmpegError, IndexError, KeyError) as error:
        raise BadSampleError(f'{path}: PyAV cannot read it, so it is truncated or no video ({_last(error)})') from None


def _read_through(container: Any, path: str, choose: Choose, length: int) -> np.ndarray:
    """Decode a short clip from its start to the last frame that is wanted: cheaper than finding key frames and seeking."""
    from av.video.reformatter import VideoReformatter

    frames = choose(length)
    last, wanted, found = max(frames), set(frames), {}
    to_rgb = VideoReformatter()  # one for all frames: each new one sets the colour conversion up anew
    for place, frame in enumerate(container.decode(video=0)):
        if place in wanted:
            found[place] = to_rgb.reformat(frame, format='rgb24').to_ndarray()
        if place == last:
            return np.stack([found[frame] for frame in frames])
    raise BadSampleError(f'{path}: truncated: it ends before frame {last} of {length}')


def read_frames(path: str, choose: Choose, content: None = None) -> np.ndarray:
    """As `read_decord`, from a folder of pictures, one a frame, in the order of the numbers in their names."""
    if content is not None or not Path(path).is_dir():
        raise BadSampleError(f"{path}: no such folder; the backend 'frames' reads a clip from a folder of pictures")
    files = [file for file in Path(path).iterdir() if file.suffix.lower() in Image.registered_extensions()]
    files.sort(key=lambda file: [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', file.name)])
    return np.stack([read_image(str(files[frame])) for frame in choose(_length(path, len(files)))])


def read_image(path: str, content: bytes | None = None) -> np.ndarray:
    """A picture: (H, W, 3) uint8 RGB.

    Args:
        content: the file's bytes, where they are at hand; the path then only names it.

    Raises:
        BadSampleError: missing, empty, truncated or not a picture.
    """
    source = source_of(path, content)
    try:
        with Image.open(source) as image:
            return np.asarray(image.convert('RGB'))
    except PICTURE_ERRORS as error:
        raise BadSampleError(f'{path}: truncated or no picture ({_last(error)})') from None


READERS: dict[str, Callable[[str, Choose, bytes | None], np.ndarray]] = {
    'decord': read_decord,
    'pyav': read_pyav,
    'frames': read_frames,
}


def read_video(path: str | Path, choose: Choose, backend: str = 'decord', content: bytes | None = None) -> np.ndarray:
    """Frames of a clip: (T, H, W, 3) uint8 RGB; only what they need is decoded.

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


def _last(error: Exception) -> str:
    """An error's text in one line: decoders append stack traces."""
    return str(error).strip().split('\n')[0]
