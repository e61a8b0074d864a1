"""Resizing as Pillow does it, which the processors of transformers use: its filters widen when an image shrinks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ...registry import TRANSFORMS
from .base import BaseTransform
from .spatial import _pair, _scale_boxes

if TYPE_CHECKING:
    from ...testing.tiny import TinySize
    from ..shapes import SampleShape

FILTERS = {name: Image.Resampling[name.upper()] for name in ('nearest', 'bilinear', 'bicubic', 'lanczos', 'box', 'hamming')}


@TRANSFORMS.register_module()
class PillowResize(BaseTransform):
    """Frames (T, H, W, 3) uint8 resized by Pillow.

    Args:
        size: height and width, or one number for both; the aspect is not kept. shortest_edge: length of the shorter side, which
            keeps it; one of the two is given. interpolation: of `FILTERS`.
    """

    def __init__(
        self,
        size: int | Sequence[int] | None = None,
        shortest_edge: int | None = None,
        interpolation: str = 'bicubic',
    ) -> None:
        if (size is None) == (shortest_edge is None):
            raise ValueError('PillowResize: give size or shortest_edge')
        if interpolation not in FILTERS:
            raise ValueError(f'PillowResize: interpolation is one of {", ".join(map(repr, FILTERS))}, not {interpolation!r}')
        self.size, self.shortest_edge, self.filter = size, shortest_edge, FILTERS[interpolation]

    def _target(self, height: int, width: int) -> tuple[int, int]:
        if self.size is not None:
            return _pair(self.size)
        short, long = sorted((height, width))
        longer = int(self.shortest_edge * long / short)
        return (longer, self.shortest_edge) if width <= height else (self.shortest_edge, longer)

    def transform(self, results: dict) -> dict:
        frames = results['frames']
        height, width = self._target(*frames.shape[1:3])
        _scale_boxes(results, (height, width))
        resized = [Image.fromarray(frame).resize((width, height), self.filter) for frame in frames]
        results['frames'] = np.stack([np.asarray(frame) for frame in resized])
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        side = cfg.get('shortest_edge') or _pair(cfg['size'])[0]
        return shape._replace(side=side)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.update({key: tiny.pixels for key in ('size', 'shortest_edge') if cfg.get(key) is not None})
