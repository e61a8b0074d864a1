"""Which frames of a clip are taken, and one reader for each way to decode them."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.logging import MMLogger

from .bad_samples import BadSampleError
from .clip import Clip, WrongLengthError, stack_frames
from .clip_part import Choose, Part, chosen
from .files import is_media, last_line, media_errors, source_of
from .image import read_image

SAMPLINGS = ('whole', 'published')
_QUICK_CODECS = ('h264', 'hevc', 'mpeg4', 'vp8', 'vp9')  # that decord's FFmpeg knows and its seeking was tried with
_QUICK_SIDE = 32  # pixels; decord crashes on less than some 24


def sample_frames(length: int, num_frames: int, test_mode: bool, sampling: str = 'whole') -> list[int]:
    """Split [0, length) into equal intervals and take a frame of each: the middle one in tests, a random one in training.

    A clip with fewer frames than asked repeats the last that was taken. Tests take the frames that the published code takes.

    Args:
        sampling: of `SAMPLINGS`, in training. 'whole' draws from the whole interval; 'published' never draws its last frame
            where it has another, as the published code.
    """
    taken = min(length, num_frames)
    bounds = np.linspace(0, length, taken + 1).astype(int).tolist()
    if test_mode:
        frames = [(start + end - 1) // 2 for start, end in pairwise(bounds)]
    else:
        last = 1 if sampling == 'published' else 0
        frames = [random.randrange(start, max(start + 1, end - last)) for start, end in pairwise(bounds)]
    return frames + frames[-1:] * (num_frames - taken)


def read_pyav(path: str, choose: Choose, content: bytes | None = None) -> np.ndarray:
    """Frames by PyAV, right in every container and codec (`Clip`): (T, H, W, 3) uint8 RGB, upright.

    Args:
        choose: number of frames -> which of them, in order. content: the file's bytes, where they are at hand.

    Raises:
        BadSampleError: missing, empty, truncated or not a video.
    """
    return _read_clip(Clip(path, content), choose)


def _read_clip(clip: Clip, choose: Choose | Part) -> np.ndarray:
    try:
        return clip.read(chosen(choose, clip))
    except WrongLengthError:
        return clip.read(chosen(choose, clip))


def _reads_plain(name: str, read: Callable[[Any, Choose], np.ndarray]) -> Callable[[str, Choose, bytes | None], np.ndarray]:
    """A reader for a decoder that seeks less carefully: it gets the clips of which it gives the right frames, PyAV the others.

    Args:
        name: of the decoder. read: (a path or a stream, choose) -> frames.
    """

    def read_by(path: str, choose: Choose, content: bytes | None = None) -> np.ndarray:
        clip = Clip(path, content)
        codec, sides = clip.index.codec, clip.index.sides
        if codec not in _QUICK_CODECS or min(sides) < _QUICK_SIDE or not clip.is_plain():
            _notify(name, path)
            return _read_clip(clip, choose)
        with media_errors(path, f'{name} cannot read it, so it is truncated or no video'):
            return read(source_of(path, content, 'video'), lambda length: chosen(choose, clip))

    return read_by


_notified: set[str] = set()


def _notify(name: str, path: str) -> None:
    """Say once a process that a decoder does not get all clips."""
    if name not in _notified:
        _notified.add(name)
        MMLogger.get_current_instance().warning(
            f'{path} is read by PyAV: {name} gives wrong frames of some codecs, open groups of pictures, edit lists, turned '
            'pixels and containers without times. Other clips like it are too, without notice'
        )


def _read_decord(source: Any, choose: Choose) -> np.ndarray:
    import decord

    reader = decord.VideoReader(source, num_threads=1)
    frames = choose(len(reader))
    wanted = sorted(set(frames))
    pixels = reader.get_batch(wanted).asnumpy()
    reader.seek(0)  # lets go of the frames that it decoded ahead
    return pixels if wanted == frames else pixels[[wanted.index(frame) for frame in frames]]


def _read_torchcodec(source: Any, choose: Choose) -> np.ndarray:
    try:
        from torchcodec.decoders import VideoDecoder
    except (ImportError, OSError, RuntimeError) as error:  # it is there, but FFmpeg's libraries are not
        raise ImportError(
            "the backend 'torchcodec' needs the package torchcodec and FFmpeg's shared libraries (apt-get install ffmpeg): "
            f"{last_line(error)}; the backend 'pyav' brings its own"
        ) from None
    decoder = VideoDecoder(source, dimension_order='NHWC', num_ffmpeg_threads=1, seek_mode='exact')
    return decoder.get_frames_at(indices=choose(len(decoder))).data.numpy()


def read_frames(path: str, choose: Choose, content: None = None) -> np.ndarray:
    """As `read_pyav`, from a folder of images, one a frame, in the order of the numbers in their names."""
    if isinstance(choose, Part):
        raise BadSampleError(f'{path}: start and end are seconds, and a folder of images has no frame rate')
    if content is not None or not os.path.isdir(path):
        raise BadSampleError(f"{path}: no such folder; the backend 'frames' reads a clip from a folder of images")
    files = [file for file in Path(path).iterdir() if is_media(file, 'image')]
    if not files:
        raise BadSampleError(f'{path}: the clip has no frames')
    files.sort(key=lambda file: [int(part) if part.isdigit() else part for part in re.split(r'(\d+)', file.name)])
    return stack_frames(path, [read_image(str(files[frame])) for frame in choose(len(files))])


READERS: dict[str, Callable[[str, Choose, bytes | None], np.ndarray]] = {
    'pyav': read_pyav,
    'decord': _reads_plain('decord', _read_decord),
    'torchcodec': _reads_plain('torchcodec', _read_torchcodec),
    'frames': read_frames,
}


def read_video(path: str | Path, choose: Choose | Part, backend: str = 'pyav', content: bytes | None = None) -> np.ndarray:
    """Frames of a clip: (T, H, W, 3) uint8 RGB, upright. All backends count and give the same frames.

    Args:
        choose: number of frames -> which of them, in order; or a `Part`. content: the file's bytes, where they are at hand;
            the path then only names it.
        backend: of `READERS`; 'decord' and 'torchcodec' read only clips of which they give the right frames, PyAV others.

    Raises:
        BadSampleError: missing, empty, truncated or not a video. ImportError: the backend is not installed.
    """
    return READERS[backend](str(path), choose, content)
