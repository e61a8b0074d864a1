"""Geometry and colour of frames (T, H, W, 3) uint8, the same for all frames of a clip.

Where a sample has ``boxes`` (k, 4), corners x1 y1 x2 y2 in pixels, they move along.
"""

from __future__ import annotations

import math
import random
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

from ...registry import TRANSFORMS
from .base import BaseTransform

if TYPE_CHECKING:
    from ...testing.tiny import TinySize
    from ..shapes import SampleShape

INTERPOLATIONS = {
    'nearest': cv2.INTER_NEAREST,
    'bilinear': cv2.INTER_LINEAR,
    'bicubic': cv2.INTER_CUBIC,
    'area': cv2.INTER_AREA,
}


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    """Height and width."""
    return (size, size) if isinstance(size, int) else (size[0], size[1])


def _method(name: str) -> int:
    if name not in INTERPOLATIONS:
        raise ValueError(f'interpolation is one of {", ".join(map(repr, INTERPOLATIONS))}, not {name!r}')
    return INTERPOLATIONS[name]


def _resize(results: dict, size: tuple[int, int], method: int) -> dict:
    frames = results['frames']
    height, width = frames.shape[1:3]
    if (height, width) != size:
        _scale_boxes(results, size)
        results['frames'] = np.stack([cv2.resize(frame, size[::-1], interpolation=method) for frame in frames])
    return results


def _scale_boxes(results: dict, size: tuple[int, int]) -> None:
    """Move boxes to where they are in frames of this height and width."""
    if 'boxes' in results:
        height, width = results['frames'].shape[1:3]
        scale = np.float32([size[1] / width, size[0] / height] * 2)
        results['boxes'] = np.asarray(results['boxes'], np.float32) * scale


def _crop(results: dict, top: int, left: int, height: int, width: int) -> dict:
    results['frames'] = results['frames'][:, top : top + height, left : left + width]
    if 'boxes' in results:
        boxes = np.asarray(results['boxes'], np.float32) - np.float32([left, top, left, top])
        results['boxes'] = boxes.clip(0, np.float32([width, height, width, height]))
    return results


class ToSize(BaseTransform):
    """A transform whose argument ``size``, one number or height and width, is that of the frames it leaves."""

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        size = cfg.get('size')
        return shape if size is None else shape._replace(side=_pair(size)[0])

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        if 'size' in cfg:
            cfg['size'] = tiny.pixels if isinstance(cfg['size'], int) else (tiny.pixels, tiny.pixels)


@TRANSFORMS.register_module()
class Resize(ToSize):
    """Squash to a size; the aspect is not kept (the published tests do so with 'nearest').

    Args:
        size: height and width, or one number for both. interpolation: of `INTERPOLATIONS`.
    """

    def __init__(self, size: int | Sequence[int], interpolation: str = 'bilinear') -> None:
        self.size, self.method = _pair(size), _method(interpolation)

    def transform(self, results: dict) -> dict:
        return _resize(results, self.size, self.method)


@TRANSFORMS.register_module()
class RandomResizedCrop(ToSize):
    """A random part, squashed to a size.

    Args:
        size: height and width, or one number for both. scale: range of the part's share of the area. ratio: range of its
            width over its height. interpolation: of `INTERPOLATIONS`.
    """

    def __init__(
        self,
        size: int | Sequence[int],
        scale: tuple[float, float] = (0.5, 1.0),
        ratio: tuple[float, float] = (3 / 4, 4 / 3),
        interpolation: str = 'bilinear',
    ) -> None:
        self.size, self.method = _pair(size), _method(interpolation)
        self.scale, self.ratio = scale, ratio

    def draw(self, height: int, width: int) -> tuple[int, int, int, int]:
        """Top, left, height and width of a part; the whole where ten draws do not fit."""
        for _ in range(10):
            area = height * width * random.uniform(*self.scale)
            ratio = math.exp(random.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            wide, high = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
            if 0 < wide <= width and 0 < high <= height:
                return random.randint(0, height - high), random.randint(0, width - wide), high, wide
        return 0, 0, height, width

    def transform(self, results: dict) -> dict:
        part = self.draw(*results['frames'].shape[1:3])
        return _resize(_crop(results, *part), self.size, self.method)


@TRANSFORMS.register_module()
class CenterCrop(ToSize):
    """The middle, of a size.

    Args:
        size: height and width, or one number for both.

    Raises:
        ValueError: frames are smaller.
    """

    def __init__(self, size: int | Sequence[int]) -> None:
        self.size = _pair(size)

    def transform(self, results: dict) -> dict:
        height, width = results['frames'].shape[1:3]
        if height < self.size[0] or width < self.size[1]:
            raise ValueError(
                f'CenterCrop: {results.get("path")} has frames of {height} x {width}, smaller than {self.size[0]} x '
                f'{self.size[1]}: resize before'
            )
        return _crop(results, (height - self.size[0]) // 2, (width - self.size[1]) // 2, *self.size)


_OTHER_SIDE = {'left': 'right', 'right': 'left'}
# Also leftmost, rightward, left-hand, and what referring expressions run together, but no words that speak of no side.
_SIDES = re.compile(r'\b(left|right)(?!over|eous|ful|ly)', re.IGNORECASE)


def swap_sides(text: str) -> str:
    """'Left' for 'right' and the other way round, in a text about a mirrored image."""

    def swap(match: re.Match) -> str:
        word = match.group()
        other = _OTHER_SIDE[word.lower()]
        return other.upper() if word.isupper() else other.capitalize() if word[0].isupper() else other

    return _SIDES.sub(swap, text)


@TRANSFORMS.register_module()
class HorizontalFlip(BaseTransform):
    """Mirror, and swap left and right in what is said of the image.

    Args:
        prob: of mirroring. texts: keys of texts, or of lists of texts, that speak of sides; absent ones are passed over.
    """

    def __init__(self, prob: float = 0.5, texts: Sequence[str] = ('captions', 'question', 'answers')) -> None:
        self.prob, self.texts = prob, tuple(texts)

    def transform(self, results: dict) -> dict:
        if random.random() >= self.prob:
            return results
        results['frames'] = results['frames'][:, :, ::-1]
        if 'boxes' in results:
            width = results['frames'].shape[2]
            boxes = np.array(results['boxes'], np.float32)
            boxes[:, [0, 2]] = width - boxes[:, [2, 0]]
            results['boxes'] = boxes
        for key in self.texts:
            if key in results:
                texts = results[key]
                results[key] = swap_sides(texts) if isinstance(texts, str) else [swap_sides(text) for text in texts]
        return results


@TRANSFORMS.register_module()
class ColorJitter(BaseTransform):
    """Change brightness, contrast and saturation, each by a factor sampled from [1 - x, 1 + x].

    Args:
        brightness, contrast, saturation: x; 0 leaves it.
    """

    def __init__(self, brightness: float = 0.0, contrast: float = 0.0, saturation: float = 0.0) -> None:
        self.amounts = (brightness, contrast, saturation)

    def transform(self, results: dict) -> dict:
        bright, contrast, saturation = (random.uniform(max(0.0, 1 - x), 1 + x) for x in self.amounts)
        frames = np.ascontiguousarray(results['frames'])
        shape = frames.shape
        pixels = frames.reshape(-1, shape[2], 3)
        if bright != 1 or contrast != 1:
            mean = bright * float(pixels.mean())
            table = (np.arange(256) * bright - mean) * contrast + mean
            pixels = cv2.LUT(pixels, table.clip(0, 255).round().astype(np.uint8))
        if saturation != 1:
            grey = cv2.cvtColor(cv2.cvtColor(pixels, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
            pixels = cv2.addWeighted(pixels, saturation, grey, 1 - saturation, 0)
        results['frames'] = pixels.reshape(shape)
        return results


@TRANSFORMS.register_module()
class BlankFrames(BaseTransform):
    """Black frames in place of the sample's: a model trained so shows what the text alone gives away."""

    def transform(self, results: dict) -> dict:
        results['frames'] = np.zeros_like(results['frames'])
        return results
