"""Boxes of referred objects."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from ...registry import TRANSFORMS
from ...text.locations import LocationTokens
from ..io.bad_samples import BadSampleError
from .packing import TargetText
from .spatial import RandomResizedCrop, _crop, _resize
from .text import Tokenizing

if TYPE_CHECKING:
    from ...testing.tiny import TinySize
    from ..shapes import SampleShape


@TRANSFORMS.register_module()
class BoxSafeResizedCrop(RandomResizedCrop):
    """A random part that holds all of ``boxes``, squashed to a size; the whole where ten draws are too small for them.

    Arguments are those of `RandomResizedCrop`.
    """

    def transform(self, results: dict) -> dict:
        height, width = results['frames'].shape[1:3]
        boxes = np.asarray(results['boxes'], np.float32)
        left, top = np.floor(boxes[:, :2].min(0)).clip(0).astype(int).tolist()
        right, bottom = np.ceil(boxes[:, 2:].max(0)).astype(int).tolist()
        right, bottom = min(right, width), min(bottom, height)
        part = (0, 0, height, width)
        for _ in range(10):
            *_, high, wide = self.draw(height, width)
            if high >= bottom - top and wide >= right - left:
                row = random.randint(max(0, bottom - high), min(top, height - high))
                column = random.randint(max(0, right - wide), min(left, width - wide))
                part = (row, column, high, wide)
                break
        return _resize(_crop(results, *part), self.size, self.method)


@TRANSFORMS.register_module()
class BoxTarget(Tokenizing):
    """The first of ``boxes`` -> ``target``, in location tokens, and ``box``, as shares of the frames' width and height.

    Args:
        tokenizer: config, of the decoder. locations: arguments of `LocationTokens`, the same as the task's.

    Raises:
        BadSampleError: the box has sides that are no numbers, or ends before it begins.
    """

    def __init__(self, tokenizer: dict | Any, locations: dict | None = None) -> None:
        super().__init__(tokenizer)
        self.locations = LocationTokens(self.tokenizer, **(locations or {}))

    def transform(self, results: dict) -> dict:
        height, width = results['frames'].shape[1:3]
        corners = np.asarray(results['boxes'], np.float32)[0]
        if not np.isfinite(corners).all() or (corners[2:] < corners[:2]).any():
            raise BadSampleError(f'{results.get("path")}: the box {corners.tolist()} is not x1 y1 x2 y2, finite and in order')
        box = (corners / np.float32([width, height] * 2)).tolist()
        ids = [self.tokenizer.cls_id, *self.locations.encode(box), self.tokenizer.sep_id]
        results['target'] = [TargetText(ids, [place > 0 for place in range(len(ids))])]
        results['box'] = box
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        return shape._replace(target=6)  # four locations between [CLS] and [SEP]

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        if 'locations' in cfg:
            cfg['locations'] = tiny.locations
