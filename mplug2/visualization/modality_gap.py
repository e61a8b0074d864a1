"""The modality gap (Figure 4): the distance between vision and text in the embedding space.

Letters in shapes: N pairs, E channels of an embedding.
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from ..utils.files import replace_file

VISION, TEXT = '#1f77b4', '#d95f02'


def modality_gap(vision: Tensor, text: Tensor) -> dict[str, float]:
    """Measure the gap between pairs of embeddings, which are normalised first.

    Args:
        vision, text: (N, E), row by row a pair.

    Returns:
        ``modality_gap``: length of the difference of the two centres (Liang et al., 2022; Section 4), between 0 and 2;
        ``pair_distance``, ``other_distance``: mean distance of the two of a pair, and of vision from the text of another pair.

    Raises:
        ValueError: the shapes differ, or there are fewer than two pairs.
    """
    if vision.shape != text.shape or len(vision) < 2:
        raise ValueError(
            f'a gap is measured between two or more pairs, not {len(vision)} of vision and {len(text)} of text '
            f'with {vision.shape[-1]} and {text.shape[-1]} channels'
        )
    vision, text = F.normalize(vision.double(), dim=1), F.normalize(text.double(), dim=1)
    distances = (2 - 2 * vision @ text.T).clamp(min=0).sqrt()
    pairs, count = distances.diagonal(), len(vision)
    return dict(
        modality_gap=(vision.mean(0) - text.mean(0)).norm().item(),
        pair_distance=pairs.mean().item(),
        other_distance=((distances.sum() - pairs.sum()) / (count * (count - 1))).item(),
    )


def principal_plane(vision: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised embeddings (N, E) projected on the first two principal axes of all of them: (N, 2) each, centred.

    Each axis points to its largest coordinate, so that the image does not depend on the solver.
    """
    points = torch.cat([F.normalize(vision.double(), dim=1), F.normalize(text.double(), dim=1)])
    points = points - points.mean(0)
    axes = torch.linalg.svd(points, full_matrices=False).Vh[:2]
    flat = points @ axes.T
    flat = flat * flat.gather(0, flat.abs().argmax(0, keepdim=True)).sign()
    return flat[: len(vision)], flat[len(vision) :]


def umap_plane(vision: Tensor, text: Tensor) -> tuple[Tensor, Tensor]:
    """Normalised embeddings (N, E) on a plane by UMAP (McInnes et al., 2018), with cosines and a fixed seed: (N, 2) each.

    Distances between far points, such as the gap, mean little on it; neighbours do.

    Raises:
        ImportError: umap-learn is not installed.
    """
    try:
        import umap
    except ImportError:
        raise ImportError('UMAP needs umap-learn, which is not installed: pip install mplug2[analysis]') from None
    points = torch.cat([F.normalize(vision.double(), dim=1), F.normalize(text.double(), dim=1)])
    neighbours = min(15, len(points) - 1)
    plane = umap.UMAP(n_components=2, n_neighbors=neighbours, metric='cosine', random_state=0, n_jobs=1)
    flat = torch.as_tensor(plane.fit_transform(points.numpy()))
    return flat[: len(vision)], flat[len(vision) :]


PROJECTIONS = {'pca': principal_plane, 'umap': umap_plane}


def draw_gap(
    variants: dict[str, tuple[Tensor, Tensor]],
    path: str | Path,
    pairs: int = 60,
    kind: str = 'image',
    projection: str = 'pca',
) -> Path:
    """Draw a panel for each variant: vision and text embeddings on a plane, their centres, lines between pairs.

    Args:
        variants: title -> vision and text (N, E). path: the PNG to write. pairs: number of pairs joined by a line. kind: name
            of the vision in the legend. projection: a key of `PROJECTIONS`.

    Returns:
        the path.
    """
    from matplotlib.figure import Figure  # not pyplot, which may need a screen

    figure = Figure(figsize=(4.2 * len(variants), 4.2), dpi=110)
    for column, (title, (vision, text)) in enumerate(variants.items(), 1):
        axes = figure.add_subplot(1, len(variants), column)
        sides = PROJECTIONS[projection](vision, text)
        for left, right in zip(*(side[:pairs].tolist() for side in sides), strict=True):
            axes.plot(*zip(left, right, strict=True), color='black', linewidth=0.4, alpha=0.4, zorder=1)
        for points, colour, label in zip(sides, (VISION, TEXT), (kind, 'text'), strict=True):
            axes.scatter(*points.T.tolist(), s=9, color=colour, alpha=0.7, linewidths=0, label=label, zorder=2)
            axes.scatter(*points.mean(0).tolist(), s=90, color=colour, marker='X', edgecolors='white', zorder=3)
        axes.set_aspect('equal', 'datalim')
        axes.set_title(f'{title}\ngap {modality_gap(vision, text)["modality_gap"]:.3f}', fontsize=10)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=8, loc='best')
    figure.tight_layout()
    path = Path(path)
    replace_file(path, lambda file: figure.savefig(file, format=path.suffix[1:] or 'png'))
    return path
