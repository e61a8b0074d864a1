"""What Cascade Mask R-CNN calls of mmcv's compiled extension, for installations that lack it.

`mmdet.models` imports ``mmcv._ext``, which only a compiled mmcv has. `install` adds a finder behind Python's own, so a
compiled extension is found first and left as it is; elsewhere this module answers in its place. `nms` and `roi_align` run on
torchvision's operators where those load, else on vectorised PyTorch, on any device; `softnms`, as mmcv has it, on the host.
Every other operator raises as soon as it is called.

Letters in shapes: N boxes, R regions, B images, C channels, H and W cells of a map, h and w those of a region, p bins.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..modules.layers import full_precision

NAME = 'mmcv._ext'
_BLOCK = 512  # boxes whose suppression is solved together
_CELLS = 2**24  # values of feature maps that are gathered at once


@lru_cache(maxsize=1)
def torchvision_operators() -> Any:
    """``torch.ops.torchvision`` if torchvision is installed and its compiled operators load, else None."""
    try:
        import torchvision  # noqa: F401  (registers them)

        operators = torch.ops.torchvision
        return operators if all(hasattr(operators, name) for name in ('nms', 'roi_align', '_roi_align_backward')) else None
    except (ImportError, OSError, RuntimeError):  # RuntimeError: its Python part declares operators that are not there
        return None


def _overlaps(boxes: Tensor, other: Tensor, offset: int) -> Tensor:
    """IoU (N, M) of boxes (N, 4) and (M, 4) in pixels; NaN for two boxes without area."""

    def area(corners: Tensor) -> Tensor:
        return (corners[:, 2] - corners[:, 0] + offset) * (corners[:, 3] - corners[:, 1] + offset)

    size = torch.minimum(boxes[:, None, 2:], other[None, :, 2:]) - torch.maximum(boxes[:, None, :2], other[None, :, :2])
    inter = (size + offset).clamp_(min=0).prod(-1)
    return inter / (area(boxes)[:, None] + area(other) - inter)


def nms(boxes: Tensor, scores: Tensor, iou_threshold: float, offset: int) -> Tensor:
    """Greedy suppression of boxes that overlap a better one.

    Best boxes come first, in blocks. What earlier blocks kept suppresses at once; within a block, "kept unless a kept, better
    box overlaps" is iterated from "all are kept" to its fixed point, which is the greedy solution: after n rounds the first n
    boxes are settled, and in practice a few rounds settle all.

    Args:
        boxes: (N, 4), two corners. scores: (N,). offset: 1 where corners are the last pixels inside, else 0.

    Returns:
        indices of the boxes kept (K,), the best first.
    """
    if boxes.shape[0] == 0:
        return boxes.new_empty(0, dtype=torch.long)
    operators = torchvision_operators()
    if operators is not None and offset == 0:
        return operators.nms(boxes, scores, iou_threshold)
    order = scores.sort(0, descending=True).indices
    boxes = boxes[order].float()
    kept = boxes[:0]
    keeps = []
    for block in boxes.split(_BLOCK):
        alive = ~(_overlaps(kept, block, offset) > iou_threshold).any(0)
        overlaps = (_overlaps(block, block, offset) > iou_threshold).triu_(1).float()
        keep, before = alive, None
        while before is None or not torch.equal(keep, before):
            before = keep
            keep = alive & (before.float() @ overlaps == 0)
        keeps.append(keep)
        kept = torch.cat([kept, block[keep]])
    return order[torch.cat(keeps)]


def softnms(
    boxes: Tensor,
    scores: Tensor,
    dets: Tensor,
    iou_threshold: float,
    sigma: float,
    min_score: float,
    method: int,
    offset: int,
) -> Tensor:
    """Soft-NMS (Bodla et al. 2017): overlapping boxes lose score instead of being dropped.

    Boxes change places as in mmcv (the best of the rest moves to the front, the last fill the gaps of those that fell below
    `min_score`), since that order decides between equal scores.

    Args:
        boxes: (N, 4). scores: (N,). dets: (N, 5), filled with boxes and new scores. iou_threshold: from where on scores change.
        sigma: of the Gaussian. min_score: boxes below it are dropped. method: 0 drops, 1 is linear, 2 Gaussian.
        offset: as in `nms`.

    Returns:
        indices of the boxes kept (K,), in the order of `dets`.
    """
    rows = torch.cat([boxes, scores[:, None]], 1).detach().float().numpy().copy()
    areas = (rows[:, 2] - rows[:, 0] + offset) * (rows[:, 3] - rows[:, 1] + offset)
    indices = np.arange(len(rows))
    count, first = len(rows), 0
    while first < count:
        # A box without area twice makes a score NaN: mmcv's comparisons pass over it, unless it comes first.
        best = first if np.isnan(rows[first, 4]) else first + int(np.nanargmax(rows[first:count, 4]))
        for values in (rows, areas, indices):
            values[[first, best]] = values[[best, first]]
        top, rest = rows[first], rows[first + 1 : count]
        with np.errstate(divide='ignore', invalid='ignore'):
            size = np.minimum(top[2:4], rest[:, 2:4]) - np.maximum(top[:2], rest[:, :2]) + np.float32(offset)
            inter = size.clip(0).prod(1)
            overlap = inter / (areas[first] + areas[first + 1 : count] - inter)
            if method == 2:
                weight = np.exp(-overlap * overlap / np.float32(sigma))
            else:
                weight = np.where(overlap >= np.float32(iou_threshold), 1 - overlap if method == 1 else np.float32(0), 1)
        rest[:, 4] *= weight
        dead = rest[:, 4] < np.float32(min_score)
        left = first + 1 + int((~dead).sum())
        gaps = first + 1 + dead[: left - first - 1].nonzero()[0]
        movers = left + (~dead[left - first - 1 :]).nonzero()[0][::-1]
        for values in (rows, areas, indices):
            values[gaps] = values[movers]
        count, first = left, first + 1
    dets[:count] = torch.from_numpy(rows[:count]).to(dets)
    return torch.from_numpy(indices[:count])


def _bins(start: Tensor, extent: Tensor, bins: int, cells: int, ratio: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where regions are sampled along one axis.

    Args:
        start, extent: (R,), in cells. cells: of the axis. ratio: samples a bin, 0 for as many as cover it.

    Returns:
        per region (R,): length of a bin, samples a bin, first cell touched, number of cells touched.
    """
    length = extent / bins
    samples = torch.full_like(start, ratio) if ratio > 0 else (extent / bins).ceil().clamp(min=0)
    half = 0.5 * length / samples.clamp(min=1)
    first = (start + half).floor().clamp(0, cells - 1)
    last = ((start + extent - half).floor() + 1).clamp(0, cells - 1)
    return length, samples, first, (last - first).clamp(min=0) + 1


def _weights(start: Tensor, length: Tensor, samples: Tensor, first: Tensor, span: int, bins: int, cells: int) -> Tensor:
    """How much of each cell goes into each bin along one axis (R, bins, span); bilinear interpolation is a product of two."""
    number = torch.arange(max(1, int(samples.max())), device=start.device)
    inside = number < samples[:, None]
    shift = (number + 0.5) * length[:, None] / samples.clamp(min=1)[:, None]
    origin = start[:, None] + torch.arange(bins, device=start.device) * length[:, None]
    place = origin[:, :, None] + shift[:, None]  # (R, bins, samples)
    valid = inside[:, None] & (place >= -1) & (place <= cells)
    place = place.clamp(0, cells - 1) - first[:, None, None]
    hat = 1 - (place[..., None] - torch.arange(span, device=start.device)).abs()
    return (hat.clamp_(min=0) * valid[..., None]).sum(2) / samples.clamp(min=1)[:, None, None]


class _Group(NamedTuple):
    """Regions of like size, from place `start` to before `end` in their order by size; h, w: of the largest."""

    start: int
    end: int
    h: int
    w: int


def _grouped(tall: Sequence[float], wide: Sequence[float], channels: int) -> Iterator[_Group]:
    """Regions in order of size (cells touched) -> groups in which little is gathered in vain."""
    start = 0
    while start < len(tall):
        h, w, end = tall[start], wide[start], start + 1
        limit = 2 * h * w + 64
        while end < len(tall):
            higher, wider = max(h, tall[end]), max(w, wide[end])
            if higher * wider > limit or (end + 1 - start) * higher * wider * channels > _CELLS:
                break
            h, w, end = higher, wider, end + 1
        yield _Group(start, end, int(h), int(w))
        start = end


def _bunched(groups: Iterator[_Group], bins: int) -> Iterator[list[_Group]]:
    """Groups whose weights are made together; a region's take at most about (cells + bins)^2 values along an axis."""
    bunch: list[_Group] = []
    longest = 0
    for group in groups:
        longer = max(longest, group.h, group.w)
        if bunch and (group.end - bunch[0].start) * (longer + bins) ** 2 > _CELLS:
            yield bunch
            bunch, longer = [], max(group.h, group.w)
        bunch.append(group)
        longest = longer
    if bunch:
        yield bunch


def _sampled(
    rois: Tensor, shape: Sequence[int], bins: tuple[int, int], spatial_scale: float, sampling_ratio: int, aligned: bool
) -> Iterator[tuple[Tensor, Tensor, Tensor, Tensor]]:
    """Regions in groups of like size: numbers ``group`` (R,), ``cells`` (R, h, w), ``rows`` (R, p, h), ``columns`` (R, p, w).

    cells are places in a (B*H*W, C) list; rows and columns the weights with which they enter the bins.
    """
    _, channels, height, width = shape
    corners = rois[:, 1:].float() * spatial_scale - (0.5 if aligned else 0.0)
    extent = corners[:, 2:] - corners[:, :2]
    if not aligned:
        extent = extent.clamp(min=1)
    axes = [
        _bins(corners[:, axis], extent[:, axis], count, cells, sampling_ratio)
        for axis, count, cells in ((1, bins[0], height), (0, bins[1], width))
    ]
    (_, _, top, tall), (_, _, left, wide) = axes
    order = (tall * wide).argsort()
    for bunch in _bunched(_grouped(tall[order].tolist(), wide[order].tolist(), channels), max(bins)):
        first = bunch[0].start
        part = order[first : bunch[-1].end]
        spans = max(group.h for group in bunch), max(group.w for group in bunch)
        rows, columns = (
            _weights(corners[part, axis], *(values[part] for values in sampling[:3]), span, count, cells)
            for axis, sampling, span, count, cells in zip((1, 0), axes, spans, bins, (height, width), strict=True)
        )
        y, x = (
            (start[part, None].long() + torch.arange(span, device=rois.device)).clamp_(max=cells - 1)
            for start, span, cells in ((top, spans[0], height), (left, spans[1], width))
        )
        y = (rois[part, 0].long()[:, None] * height + y) * width
        for start, end, h, w in bunch:
            here = slice(start - first, end - first)
            yield part[here], y[here, :h, None] + x[here, None, :w], rows[here, :, :h], columns[here, :, :w]


def _only_average(pool_mode: int) -> None:
    if pool_mode != 1:
        raise NotImplementedError("roi_align without a compiled mmcv averages: set pool_mode='avg', or install a compiled mmcv")


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Average of bilinear samples in the bins of regions (He et al. 2017).

    A region's samples form a grid, so its bins are ``rows @ map @ columns^T``, with weights that are zero but for the cells
    that the region touches; only those are gathered.

    Args:
        input: (B, C, H, W). rois: (R, 5), the image's number and two corners in pixels. output: (R, C, p, p), filled.
        argmax_y, argmax_x: of maximum pooling, unused. aligned_height, aligned_width: bins. spatial_scale: cells a pixel.
        sampling_ratio: samples along a side of a bin, 0 for as many as the bin has cells. aligned: cells' centres are at .5.

    Raises:
        NotImplementedError: maximum pooling is asked for.
    """
    _only_average(pool_mode)
    bins = (aligned_height, aligned_width)
    operators = torchvision_operators()
    if operators is not None:
        output.copy_(operators.roi_align(input, rois, spatial_scale, *bins, sampling_ratio, aligned))
        return
    cells_first = input.float().permute(0, 2, 3, 1).reshape(-1, input.shape[1])
    with full_precision(input):
        for group, cells, rows, columns in _sampled(rois, input.shape, bins, spatial_scale, sampling_ratio, aligned):
            patch = cells_first.index_select(0, cells.flatten()).view(*cells.shape, -1)
            part = torch.bmm(rows, patch.flatten(2)).unflatten(2, patch.shape[2:])  # (R, p, w, C)
            output[group] = (columns[:, None] @ part).permute(0, 3, 1, 2).to(output.dtype)


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Gradient of `roi_align_forward`, added to `grad_input` (B, C, H, W); grad_output: (R, C, p, p).

    Raises:
        NotImplementedError: maximum pooling is asked for.
    """
    _only_average(pool_mode)
    bins, shape = (aligned_height, aligned_width), grad_input.shape
    operators = torchvision_operators()
    if operators is not None:
        grad_input += operators._roi_align_backward(grad_output, rois, spatial_scale, *bins, *shape, sampling_ratio, aligned)
        return
    cells_first = grad_output.new_zeros(shape[0] * shape[2] * shape[3], shape[1], dtype=torch.float32)
    with full_precision(grad_output):
        for group, cells, rows, columns in _sampled(rois, shape, bins, spatial_scale, sampling_ratio, aligned):
            grad = grad_output[group].float().permute(0, 2, 3, 1)  # (R, p, p, C)
            part = columns.transpose(1, 2)[:, None] @ grad  # (R, p, w, C)
            patch = torch.bmm(rows.transpose(1, 2), part.flatten(2)).view(-1, shape[1])
            cells_first.index_add_(0, cells.flatten(), patch)
    grad_input += cells_first.view(shape[0], *shape[2:], shape[1]).permute(0, 3, 1, 2).to(grad_input.dtype)


OPERATORS: dict[str, Callable] = dict(
    nms=nms,
    softnms=softnms,
    roi_align_forward=roi_align_forward,
    roi_align_backward=roi_align_backward,
    get_compiler_version=lambda: 'not compiled (mplug2.detection.mmcv_ops)',
    get_compiling_cuda_version=lambda: 'not compiled',
)


class _Extension(ModuleType):
    """Answers every name, since mmcv looks hundreds up at import; those not supplied raise when called."""

    def __getattr__(self, name: str) -> Callable:
        if name.startswith('__'):
            raise AttributeError(f'module {self.__name__!r} has no attribute {name!r}')

        def missing(*args: Any, **kwargs: Any) -> None:
            raise NotImplementedError(
                f'the operator {name!r} needs a compiled mmcv; this one has none, and mplug2.detection.mmcv_ops supplies only '
                f'{", ".join(sorted(OPERATORS)[2:])}. Uninstall mmcv-lite and install mmcv 2.1.0 with its operators '
                '(MMCV_WITH_OPS=1 pip install --no-build-isolation mmcv==2.1.0)'
            )

        return missing


class _Finder(MetaPathFinder, Loader):
    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        return ModuleSpec(NAME, self, origin=__file__) if fullname == NAME else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = _Extension(spec.name, __doc__)
        vars(module).update(OPERATORS)
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def install() -> None:
    """Supply ``mmcv._ext`` to later imports if nothing else does."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
