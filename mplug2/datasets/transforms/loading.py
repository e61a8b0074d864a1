"""From a path to pixels."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from ...registry import TRANSFORMS
from ..io.clip_part import Part
from ..io.image import MAX_PIXELS, read_image
from ..io.video import READERS, SAMPLINGS, read_video, sample_frames
from .base import BaseTransform

if TYPE_CHECKING:
    from ...testing.tiny import TinySize
    from ..shapes import SampleShape


@TRANSFORMS.register_module()
class LoadImage(BaseTransform):
    """``path`` -> ``frames`` (1, H, W, 3) uint8 RGB: an image is a clip of one frame.

    Where the sample has ``content``, bytes that a shard gave, they are decoded and dropped. `to_rgb` says what becomes of
    transparency, 16 bits and other kinds.

    Args:
        orient: turn the image as its EXIF says. False for benchmarks whose published code reads the pixels as stored.
        max_pixels: of an image; a larger one is bad, as decompression bombs are.
    """

    def __init__(self, orient: bool = True, max_pixels: int = MAX_PIXELS) -> None:
        self.orient, self.max_pixels = orient, max_pixels

    def transform(self, results: dict) -> dict:
        results['frames'] = read_image(results['path'], results.pop('content', None), self.orient, self.max_pixels)[None]
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        return shape._replace(media='image')


@TRANSFORMS.register_module()
class LoadVideo(BaseTransform):
    """``path`` -> ``frames`` (T, H, W, 3) uint8 RGB, sampled by `sample_frames`.

    Where the sample has ``content``, bytes that a shard gave, they are decoded and dropped. Of a sample with ``start`` or
    ``end``, seconds, only that part of the clip is read.

    Args:
        num_frames: T. backend: 'pyav'; 'decord' or 'torchcodec', where they give the right frames; 'frames': each clip is a
            folder of images. sampling: of `sample_frames`.
    """

    REQUIRES = {'av': 'av'}
    REQUIRES_FOR = {'backend': {'decord': {'decord': 'decord'}, 'torchcodec': {'torchcodec': 'torchcodec, and FFmpeg'}}}

    def __init__(self, num_frames: int = 4, backend: str = 'pyav', sampling: str = 'whole') -> None:
        if sampling not in SAMPLINGS:
            raise ValueError(f'LoadVideo: sampling is one of {", ".join(map(repr, SAMPLINGS))}, not {sampling!r}')
        if backend not in READERS:
            raise ValueError(f'LoadVideo: backend is one of {", ".join(map(repr, READERS))}, not {backend!r}')
        self.num_frames = num_frames
        self.backend = backend
        self.sampling = sampling

    def transform(self, results: dict) -> dict:
        choose = partial(sample_frames, num_frames=self.num_frames, test_mode=results['test_mode'], sampling=self.sampling)
        content, part = results.pop('content', None), (results.get('start'), results.get('end'))
        if part != (None, None):
            choose = Part(choose, *part)
        results['frames'] = read_video(results['path'], choose, self.backend, content)
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        return shape._replace(media='video', frames=cfg.get('num_frames', 4))

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.update(num_frames=tiny.frames, backend='pyav')
