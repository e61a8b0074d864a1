"""Times our replacements of mmcv's operators against the compiled ones, as ratios (above 1: ours are slower).

    python experiments/bench_mmcv_ops.py --compiled FOLDER [--json FILE]

FOLDER holds a package ``mmcv`` with compiled operators (``pip install --no-deps --target FOLDER mmcv...whl``). Each side
runs in a process of its own: nms on 2,000 boxes, roi_align forward and backward of 512 regions over five levels of a
1,024-pixel image, and a whole training step of Cascade Mask R-CNN with the Base config's heads.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch

from mplug2.utils.files import write_text

STRIDES = (4, 8, 16, 32, 64)


def seconds(call: Callable[[], object], repeat: int) -> float:
    """Median time of a call, after one of warm-up."""
    call()
    times = []
    for _ in range(repeat):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def nms_call() -> Callable[[], object]:
    from mmcv.ops import nms

    centre = torch.rand(2000, 2) * 1000
    half = 8 + torch.rand(2000, 2) * 60
    boxes, scores = torch.cat([centre - half, centre + half], 1), torch.rand(2000)
    return lambda: nms(boxes, scores, 0.7)


def align_call() -> Callable[[], object]:
    """Regions on the level of their size, as `SingleRoIExtractor` assigns them, about a hundred on each level."""
    from mmcv.ops import roi_align

    levels = [torch.randn(1, 256, 1024 // stride, 1024 // stride, requires_grad=True) for stride in STRIDES]
    regions = []
    for stride, count in zip(STRIDES, (103, 103, 102, 102, 102), strict=True):
        side = stride * (14 + 14 * torch.rand(count, 2))
        corner = torch.rand(count, 2) * (1024 - side).clamp(min=1)
        regions.append(torch.cat([torch.zeros(count, 1), corner, corner + side], 1))

    def call() -> None:
        for level, rois, stride in zip(levels, regions, STRIDES, strict=True):
            roi_align(level, rois, 7, 1 / stride, 0, 'avg', True).sum().backward()

    return call


def step_call() -> Callable[[], object]:
    """A step of the Base config's heads behind a small backbone, on two images of 512 pixels, with 128 regions of each."""
    from mmdet.testing import demo_mm_inputs

    from mplug2.config.load import load_config
    from mplug2.registry import MODELS

    cfg = load_config('detection/mplug2_base_coco').model
    small = dict(width=96, num_heads=2, ffn_dim=192)
    cfg.backbone.update(init_cfg=None, blocks=None)
    cfg.backbone.network.vision_encoder.update(image_size=512, num_layers=2, window=None, global_blocks=(), **small)
    cfg.backbone.network.universal.update(small)
    cfg.neck.width = 96
    for stage in cfg.train_cfg.rcnn:
        stage.sampler.num = 128
    model = MODELS.build(cfg)
    model.init_weights()
    batch = model.data_preprocessor(
        demo_mm_inputs(2, image_shapes=[(3, 512, 512)] * 2, num_items=[8] * 2, num_classes=80, with_mask=True), True
    )

    def call() -> None:
        torch.manual_seed(0)
        model.parse_losses(model(**batch, mode='loss'))[0].backward()
        model.zero_grad()

    return call


# Name -> (maker of the call, number of timed calls).
CASES = {
    'nms, 2,000 boxes': (nms_call, 20),
    'roi_align, 512 regions, 5 levels': (align_call, 5),
    'training step': (step_call, 3),
}


def measure() -> dict:
    """Times in seconds of this process's operators."""
    from mplug2.detection.mmcv_ops import torchvision_operators  # imports our operators if none are compiled

    import mmcv._ext  # isort: skip

    compiled = getattr(mmcv._ext.__spec__, 'origin', '').endswith('.so')
    times: dict = {}
    for name, (make, repeat) in CASES.items():
        torch.manual_seed(0)
        times[name] = seconds(make(), repeat)
    behind = 'compiled mmcv' if compiled else 'PyTorch' if torchvision_operators() is None else 'torchvision'
    return dict(operators=behind, threads=torch.get_num_threads(), seconds=times)


def in_a_process(path: str) -> dict:
    environment = dict(os.environ, PYTHONPATH=os.pathsep.join(part for part in (path, os.environ.get('PYTHONPATH')) if part))
    command = [sys.executable, __file__, '--measure']
    done = subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--compiled', help='folder of a compiled mmcv')
    parser.add_argument('--json', type=Path, help='write the numbers here too')
    parser.add_argument('--measure', action='store_true', help='time the operators of this environment alone, as JSON')
    args = parser.parse_args()
    if args.measure:
        print(json.dumps(measure()))
        return
    if args.compiled is None:
        parser.error('--compiled FOLDER is needed to compare with')
    ours, theirs = in_a_process(''), in_a_process(str(Path(args.compiled).resolve()))
    if theirs['operators'] != 'compiled mmcv':
        parser.error(f'{args.compiled} has no compiled mmcv')
    ratios = {name: ours['seconds'][name] / theirs['seconds'][name] for name in CASES}
    print(f'{"":34}  {ours["operators"]:>10}  {theirs["operators"]}  ratio   ({ours["threads"]} threads)')
    for name, ratio in ratios.items():
        print(f'{name:34}  {ours["seconds"][name]:9.4f}s  {theirs["seconds"][name]:12.4f}s  {ratio:5.2f}')
    if args.json:
        write_text(args.json, json.dumps(dict(ours=ours, compiled=theirs, ratios=ratios), indent=1))


if __name__ == '__main__':
    main()
