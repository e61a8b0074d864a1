"""Sizes that keep the aspect."""

from __future__ import annotations

from ...registry import TRANSFORMS
from .spatial import ToSize, _method, _resize


@TRANSFORMS.register_module()
class ResizeShorter(ToSize):
    """Bring the shorter side to a length; a centre crop of that size then fits.

    Args:
        size: pixels. interpolation: of `mplug2.datasets.transforms.spatial.INTERPOLATIONS`.
    """

    def __init__(self, size: int, interpolation: str = 'bicubic') -> None:
        self.size, self.method = size, _method(interpolation)

    def transform(self, results: dict) -> dict:
        height, width = results['frames'].shape[1:3]
        scale = self.size / min(height, width)
        size = (max(self.size, round(height * scale)), max(self.size, round(width * scale)))
        return _resize(results, size, self.method)
