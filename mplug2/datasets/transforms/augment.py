"""RandAugment and random erasing of frames (T, H, W, 3) uint8, the same for all frames of a clip."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from ...registry import TRANSFORMS
from .base import BaseTransform

Change = Callable[[Image.Image], Image.Image]
GREY = (124, 116, 104)  # ImageNet's mean colour, where a moved image leaves nothing


def _affine(*numbers: float) -> Change:
    """Output pixel (x, y) comes from (a x + b y + c, d x + e y + f)."""
    return lambda image: image.transform(image.size, Image.Transform.AFFINE, numbers, Image.Resampling.BILINEAR, fillcolor=GREY)


def _move(share_x: float, share_y: float) -> Change:
    return lambda image: _affine(1, 0, share_x * image.width, 0, 1, share_y * image.height)(image)


def _enhanced(kind: type) -> Callable[[float], Change]:
    return lambda amount: lambda image: kind(image).enhance(1 + 0.9 * amount)


# Name -> strength -> change of an image. The strength is 0 to 1; those in `SIGNED` also take -1 to 0.
OPERATIONS: dict[str, Callable[[float], Change]] = {
    'identity': lambda amount: lambda image: image,
    'autocontrast': lambda amount: ImageOps.autocontrast,
    'equalize': lambda amount: ImageOps.equalize,
    'rotate': lambda amount: lambda image: image.rotate(30 * amount, Image.Resampling.BILINEAR, fillcolor=GREY),
    'shear_x': lambda amount: _affine(1, 0.3 * amount, 0, 0, 1, 0),
    'shear_y': lambda amount: _affine(1, 0, 0, 0.3 * amount, 1, 0),
    'translate_x': lambda amount: _move(0.45 * amount, 0),
    'translate_y': lambda amount: _move(0, 0.45 * amount),
    'solarize': lambda amount: lambda image: ImageOps.solarize(image, round(256 * (1 - amount))),
    'posterize': lambda amount: lambda image: ImageOps.posterize(image, 8 - round(4 * amount)),
    'color': _enhanced(ImageEnhance.Color),
    'contrast': _enhanced(ImageEnhance.Contrast),
    'brightness': _enhanced(ImageEnhance.Brightness),
    'sharpness': _enhanced(ImageEnhance.Sharpness),
}
SIGNED = ('rotate', 'shear_x', 'shear_y', 'translate_x', 'translate_y', 'color', 'contrast', 'brightness', 'sharpness')


@TRANSFORMS.register_module()
class RandAugment(BaseTransform):
    """Some operations sampled from `OPERATIONS`, all of one strength (Cubuk et al., 2020).

    Args:
        num_ops: how many, one after the other. magnitude: strength, 0 to 10. std: of the normal noise on the magnitude, sampled
            for each operation.
    """

    def __init__(self, num_ops: int = 2, magnitude: float = 9, std: float = 0.5) -> None:
        if not 0 <= magnitude <= 10:
            raise ValueError(f'RandAugment: magnitude is between 0 and 10, not {magnitude}')
        self.num_ops, self.magnitude, self.std = num_ops, magnitude, std

    def draw(self) -> Change:
        """One operation at a strength."""
        name = random.choice(list(OPERATIONS))
        amount = min(10.0, max(0.0, random.gauss(self.magnitude, self.std))) / 10
        return OPERATIONS[name](-amount if name in SIGNED and random.random() < 0.5 else amount)

    def transform(self, results: dict) -> dict:
        changes = [self.draw() for _ in range(self.num_ops)]
        frames = []
        for frame in results['frames']:
            image = Image.fromarray(np.ascontiguousarray(frame))
            for change in changes:
                image = change(image)
            frames.append(np.asarray(image))
        results['frames'] = np.stack(frames)
        return results


@TRANSFORMS.register_module()
class RandomErasing(BaseTransform):
    """Fill a random rectangle with noise of ImageNet's mean and deviation (Zhong et al., 2020, "RE-R").

    Args:
        prob: of erasing. area: range of its share of the image. ratio: range of its height over its width.
    """

    MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)  # of ImageNet's channels

    def __init__(
        self, prob: float = 0.25, area: Sequence[float] = (0.02, 1 / 3), ratio: Sequence[float] = (0.3, 1 / 0.3)
    ) -> None:
        self.prob, self.area, self.ratio = prob, tuple(area), tuple(ratio)

    def transform(self, results: dict) -> dict:
        if random.random() >= self.prob:
            return results
        frames = np.array(results['frames'])
        height, width = frames.shape[1:3]
        for _ in range(10):
            pixels = random.uniform(*self.area) * height * width
            ratio = math.exp(random.uniform(math.log(self.ratio[0]), math.log(self.ratio[1])))
            high, wide = round(math.sqrt(pixels * ratio)), round(math.sqrt(pixels / ratio))
            if 0 < high < height and 0 < wide < width:
                top, left = random.randint(0, height - high), random.randint(0, width - wide)
                noise = np.random.normal(self.MEAN, self.STD, (high, wide, 3)).clip(0, 255).astype(np.uint8)
                frames[:, top : top + high, left : left + wide] = noise
                break
        results['frames'] = frames
        return results
