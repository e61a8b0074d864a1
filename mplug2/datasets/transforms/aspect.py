"""Sizes that keep the aspect."""

from __future__ import annotations

from ...registry import TRANSFORMS
from .spatial import ToSize, _method, _resize

MAX_ASPECT = 64


@TRANSFORMS.register_module()
class ResizeShorter(ToSize):
    """Bring the shorter side to a length; a centre crop of that size then fits.

    Of frames whose longer side is more than `MAX_ASPECT` times the shorter, the middle is taken: a line of pixels would
    become gigabytes, of which the crop takes its middle as well.

    Args:
        size: pixels. interpolation: of `mplug2.datasets.transforms.spatial.INTERPOLATIONS`.
    """

    def __init__(self, size: int, interpolation: str = 'bicubic') -> None:
        self.size, self.method = size, _method(interpolation)

    def transform(self, results: dict) -> dict:
        height, width = results['frames'].shape[1:3]
        longest = MAX_ASPECT * min(height, width)
        if max(height, width) > longest:
            top, left = max(0, height - longest) // 2, max(0, width - longest) // 2
            results['frames'] = results['frames'][:, top : top + longest, left : left + longest]
            height, width = results['frames'].shape[1:3]
        scale = self.size / min(height, width)
        size = (max(self.size, round(height * scale)), max(self.size, round(width * scale)))
        return _resize(results, size, self.method)
