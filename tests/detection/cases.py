"""Inputs for mmcv's operators and what a compiled mmcv makes of them.

The frozen answers in ``tests/data/detection`` were written with a compiled mmcv 2.1.0 on the path:

    PYTHONPATH=FOLDER_OF_COMPILED_MMCV:. python -m tests.detection.cases tests/data/detection/mmcv_compiled.npz
"""

from __future__ import annotations

import itertools
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

ANSWERS = Path(__file__).parents[1] / 'data/detection/mmcv_compiled.npz'


def boxes(count: int, seed: int = 0, side: float = 100.0) -> tuple[Tensor, Tensor]:
    """Boxes in clusters, some without area, some twice, with scores that differ, from NumPy's stable generator."""
    draw = np.random.RandomState(seed)
    centre = draw.rand(max(1, count // 6), 2)[draw.randint(max(1, count // 6), size=count)] * side
    centre = centre + draw.randn(count, 2) * 4
    half = 3 + draw.rand(count, 2) * 14
    half[::17] = 0
    found = np.concatenate([centre - half, centre + half], 1)
    found[5::23] = found[3::23][: len(found[5::23])]
    scores = draw.permutation(count) / count
    return torch.tensor(found, dtype=torch.float32), torch.tensor(scores, dtype=torch.float32)


def regions() -> tuple[Tensor, Tensor]:
    """Maps (2, 3, 12, 17), and regions (R, 5) over both: common, tiny, empty, partly outside, outside, larger than the map."""
    draw = np.random.RandomState(1)
    maps = draw.randn(2, 3, 12, 17)
    corner = draw.rand(8, 2) * (40, 30)
    common = np.concatenate([corner, corner + 3 + draw.rand(8, 2) * 25], 1)
    special = [
        (10, 10, 10.3, 10.2),
        (20, 12, 20, 12),
        (20, 12, 30, 12),
        (-15, -9, 12, 14),
        (55, 30, 90, 70),
        (200, 200, 240, 230),
        (-80, -60, -40, -30),
        (-30, -30, 130, 110),
        (0, 0, 68, 48),
    ]
    found = np.concatenate([common, np.array(special, dtype=float)])
    found = np.concatenate([np.arange(len(found))[:, None] % 2, found], 1)
    return torch.tensor(maps, dtype=torch.float32), torch.tensor(found, dtype=torch.float32)


ALIGN = [*itertools.product((True, False), (0, 1, 3), ((7, 7), (3, 5)), (0.25,)), (True, 0, (7, 7), 1.0)]
NMS = list(itertools.product((0, 1, 120), (0.3, 0.7), (0, 1)))
SOFT = list(itertools.product(('naive', 'linear', 'gaussian'), (0.3, 0.6), (0, 1)))


def name(kind: str, *values: object) -> str:
    return kind + ''.join(f'_{value}'.replace(' ', '') for value in values)


def answers() -> dict[str, np.ndarray]:
    """Every case through mmcv.ops, whatever is behind it."""
    from mmcv.ops import nms, roi_align, soft_nms

    found: dict[str, Tensor] = {}
    for count, threshold, offset in NMS:
        found[name('nms', count, threshold, offset)] = nms(*boxes(count), threshold, offset)[1]
    for method, threshold, offset in SOFT:
        dets, kept = soft_nms(*boxes(60, 3), threshold, 0.5, 0.05, method, offset)
        found[name('soft', method, threshold, offset)] = torch.cat([dets, kept[:, None]], 1)
    for case in ALIGN:
        aligned, ratio, bins, scale = case
        maps, rois = regions()
        maps.requires_grad_()
        out = roi_align(maps, rois, bins, scale, ratio, 'avg', aligned)
        out.backward(torch.linspace(-1, 2, out.numel()).view_as(out))
        found[name('align', *case)] = out.detach()
        found[name('align_gradient', *case)] = maps.grad
    return {key: value.numpy() for key, value in found.items()}


def small_detector() -> torch.nn.Module:
    """mini/detection, smaller, made from a seed, its RPN's scores so far apart that rounding does not reorder them."""
    from mplug2.config.load import load_config
    from mplug2.registry import MODELS

    cfg = load_config('mini/detection').model
    small = dict(width=32, num_heads=2, ffn_dim=48, num_layers=2)
    cfg.backbone.network.vision_encoder.update(small)
    cfg.backbone.network.universal.update(small)
    cfg.neck.width = 32
    torch.manual_seed(0)
    model = MODELS.build(cfg)
    model.init_weights()
    with torch.no_grad():
        model.rpn_head.rpn_cls.weight.mul_(100)
    model.test_cfg.rcnn.score_thr = model.roi_head.test_cfg.score_thr = 0.0
    return model


def images(count: int = 2) -> dict:
    """Random images of 64 x 96 pixels with three boxes and masks each, packed as mmdet packs them."""
    from mmdet.testing import demo_mm_inputs

    return demo_mm_inputs(count, image_shapes=[(3, 64, 96)] * count, num_items=[3] * count, num_classes=10, with_mask=True)


def step(model: torch.nn.Module) -> dict[str, np.ndarray]:
    """Losses and gradient norms of a training step, then predictions of the unchanged model."""
    torch.manual_seed(1)
    batch = model.data_preprocessor(images(), True)
    losses = model.train()(**batch, mode='loss')
    total, logged = model.parse_losses(losses)
    total.backward()
    found = {f'step_{key}': value.detach() for key, value in logged.items()}
    for part in ('backbone', 'neck', 'rpn_head', 'roi_head'):
        grads = [parameter.grad.norm() for parameter in getattr(model, part).parameters() if parameter.grad is not None]
        found[f'step_gradient_{part}'] = torch.stack(grads).norm()
    with torch.no_grad():
        samples = model.eval()(**model.data_preprocessor(images(), False), mode='predict')
    for number, sample in enumerate(samples):
        predicted = sample.pred_instances
        found[f'step_boxes_{number}'] = torch.cat([predicted.bboxes, predicted.scores[:, None]], 1)
        found[f'step_masks_{number}'] = torch.as_tensor(predicted.masks).float().sum((1, 2))
    return {key: np.asarray(value.detach(), dtype=np.float32) for key, value in found.items()}


def main(path: str) -> None:
    import mmcv.ops

    from mplug2 import detection  # noqa: F401

    extension = sys.modules['mmcv._ext'].__file__
    assert extension.endswith('.so'), f'mmcv at {mmcv.__file__} is not compiled'
    found = answers() | step(small_detector())
    np.savez_compressed(path, **found)
    print(f'{len(found)} arrays by {extension}')


if __name__ == '__main__':
    main(sys.argv[1])
