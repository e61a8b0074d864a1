"""Several views of a sample, for tests that average over them."""

from __future__ import annotations

import numpy as np

from ...registry import TRANSFORMS
from .base import BaseTransform
from .spatial import ToSize

WAYS = {
    2: 'the middle, as it is and mirrored',
    3: 'along the longer side',
    5: 'the middle and the corners',
    10: 'the middle and the corners, as they are and mirrored',
}


@TRANSFORMS.register_module()
class MultiCrop(ToSize):
    """Square parts of the frames: (T, H, W, 3) -> (V, T, size, size, 3) and ``num_views``.

    Args:
        size: of a part, pixels. num_crops: V: 2 are the middle, as it is and mirrored; 3 are along the longer side; 5 are the
            middle and the corners; 10 are these and their mirror images.

    Raises:
        ValueError: frames are smaller.
    """

    def __init__(self, size: int, num_crops: int = 3) -> None:
        if num_crops not in WAYS:
            raise ValueError(f'MultiCrop: crops is one of {WAYS}, not {num_crops!r}')
        self.size, self.crops = size, num_crops

    def transform(self, results: dict) -> dict:
        frames = results['frames']
        down, right = frames.shape[1] - self.size, frames.shape[2] - self.size
        if down < 0 or right < 0:
            raise ValueError(
                f'MultiCrop: {results.get("path")} has frames of {frames.shape[1]} x {frames.shape[2]}, smaller than '
                f'{self.size}: resize before'
            )
        middle = (down // 2, right // 2)
        if self.crops == 3:
            ends = [(0, middle[1]), (down, middle[1])] if down > right else [(middle[0], 0), (middle[0], right)]
            places = [ends[0], middle, ends[1]]
        elif self.crops == 2:
            places = [middle]
        else:
            places = [middle, (0, 0), (0, right), (down, 0), (down, right)]
        views = [frames[:, top : top + self.size, left : left + self.size] for top, left in places]
        if self.crops in (2, 10):
            views += [view[:, :, ::-1] for view in views]
        results.update(frames=np.stack(views), num_views=self.crops)
        return results


@TRANSFORMS.register_module()
class MirrorViews(BaseTransform):
    """Frames, as they are and mirrored: (T, H, W, 3) -> (2, T, H, W, 3), views (V, ...) -> (2V, ...), and ``num_views``."""

    def transform(self, results: dict) -> dict:
        frames = results['frames']
        views = frames if frames.ndim == 5 else frames[None]
        results['frames'] = np.concatenate([views, views[..., ::-1, :]])
        results['num_views'] = 2 * results.get('num_views', 1)
        return results
