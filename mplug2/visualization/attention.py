"""Maps of attention over the frames that a model read. Letters in shapes: M maps, T frames, H and W pixels."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from ..utils.files import replace_file

FRAMES_IN_A_ROW = 8
STRONGEST = 0.65  # opacity of a map's maximum


def heat(frames: np.ndarray, maps: np.ndarray) -> np.ndarray:
    """Lay one map over its frames, yellow where it is strongest.

    Args:
        frames: (T, H, W, 3) uint8. maps: (T, rows, columns), not negative; the scale is the maximum over all frames.

    Returns:
        (T, H, W, 3) uint8.
    """
    from matplotlib import colormaps

    height, width = frames.shape[1:3]
    share = maps / max(float(maps.max()), 1e-12)
    share = np.stack([cv2.resize(part.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC) for part in share])
    share = share.clip(0, 1)[..., None]
    colour = 255 * colormaps['inferno'](share[..., 0])[..., :3]
    grey = frames.mean(-1, keepdims=True)
    dimmed = 0.75 * (0.5 * frames + 0.5 * grey)
    opacity = STRONGEST * share
    return ((1 - opacity) * dimmed + opacity * colour + 0.5).astype(np.uint8)


def draw_attention(
    frames: np.ndarray, names: Sequence[str], maps: np.ndarray, path: str | Path, times: Sequence[float] = ()
) -> Path:
    """Draw the strip of frames, then one under each map.

    Args:
        frames: (T, H, W, 3) uint8. names: of the maps. maps: (M, T, rows, columns). path: the JPEG or PNG to write. times:
            seconds of the frames.

    Returns:
        the path.
    """
    from matplotlib.figure import Figure  # not pyplot, which may need a screen

    count, height, width, _ = frames.shape
    panels = [(', '.join(f'{time:.1f} s' for time in times), frames)]
    panels += [(name, heat(frames, each)) for name, each in zip(names, maps, strict=True)]
    columns = min(max(1, FRAMES_IN_A_ROW // count), len(panels))
    rows = -(-len(panels) // columns)
    figure = Figure(figsize=(1.4 * count * columns, (1.4 * height / width + 0.25) * rows), dpi=80)
    room = 20 * count  # letters over a strip
    for number, (name, strip) in enumerate(panels, 1):
        axes = figure.add_subplot(rows, columns, number)
        axes.imshow(np.concatenate(strip, 1))
        axes.axis('off')
        axes.set_title(name if len(name) <= room else f'{name[: room - 4]} ...', fontsize=9, parse_math=False)
    figure.tight_layout(pad=0.3)
    path = Path(path)
    replace_file(path, lambda file: figure.savefig(file, format=path.suffix[1:]))
    return path
