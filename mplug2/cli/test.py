"""``mplug2 test``."""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from ..config.command_line import add_overrides, add_smoke_test
from ..config.load import load_config, own_work_dir
from ..registry import TASKS, class_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='a config file, or the name of a shipped one')
    parser.add_argument(
        'checkpoint',
        help='a checkpoint file, the name of shipped weights, or a work directory: its best checkpoint, or else its latest',
    )
    parser.add_argument('--work-dir', help='where logs and result files go; work_dirs/NAME OF THE CONFIG if not given')
    parser.add_argument('--out', type=Path, help='write the metrics here as JSON')
    parser.add_argument(
        '--predictions',
        type=Path,
        metavar='FILE.jsonl',
        help='write every sample here with its prediction, its reference and its own scores',
    )
    parser.add_argument('--device', help="'cpu', 'cuda', 'cuda:1'; the GPU if there is one")
    parser.add_argument('--dtype', choices=['float32', 'bfloat16', 'float16'], default='float32', help='of the forward pass')
    parser.add_argument(
        '--task', metavar='NAME', help="what weights of several tasks call the config's task, if not as the config does"
    )
    parser.add_argument(
        '--tta',
        action='store_true',
        help="average over mirrored views, of classification; or test by the config's tta_model and tta_pipeline",
    )
    parser.add_argument('--show-dir', help='draw predictions here')
    add_smoke_test(parser)
    add_overrides(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')


def run(args: argparse.Namespace) -> None:
    if args.device is not None:
        use_device(args.device, args.launcher)
    cfg = load_config(args.config, args.cfg_options)
    from mmengine.dist import is_main_process

    from ..checkpoints.find import find_weights
    from ..engine.parallel.processes import leave_processes
    from ..engine.runner import build_runner
    from ..utils.files import write_text

    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or own_work_dir(cfg, args.config, bool(args.smoke_test))
    if args.smoke_test:
        from ..testing.shrink import shrink

        shrink(cfg, args.smoke_test, cfg.work_dir)
    if args.task:
        rename_task(cfg, args.task)
    if args.tta:
        augment(cfg)
    path = Path(args.checkpoint)
    cfg.load_from, cfg.resume = str(find_weights(path) if path.is_dir() else args.checkpoint), False
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'val_dataloader', 'val_cfg'):
        cfg[key] = None  # not needed, so their files need not be there
    cfg.val_evaluator = None
    if args.show_dir:
        # A name, because MMEngine cannot print a config to which a class was added.
        hook = dict(type=cfg.get('drawn_by', 'ShowPredictions'), folder=args.show_dir)
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), hook]
    if args.predictions:
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), dict(type='WritePredictions', file=str(args.predictions))]
    runner = build_runner(cfg)
    compute_in(args.dtype, runner)
    if args.predictions:
        drop_metrics_without_labels(runner)
    start = time.perf_counter()
    metrics = {key: float(value) for key, value in runner.test().items()}
    metrics['seconds'] = round(time.perf_counter() - start, 1)
    if is_main_process():
        for key, value in metrics.items():
            print(f'{key:>20}  {value:.4f}')
        if args.out:  # after they are printed: the disk may be full
            write_text(args.out, json.dumps(metrics, indent=1))
        looks = ['--show-dir FOLDER draws predictions'] if not args.show_dir else []
        looks += ['--predictions FILE.jsonl writes all of them'] if not args.predictions else []
        if looks:
            runner.logger.info(f'next: {"; ".join(looks)}')
    leave_processes()


def rename_task(cfg: Any, name: str) -> None:
    """Give the only task of a config's model another name.

    Raises:
        ValueError: it has several.
    """
    if len(cfg.model.tasks) != 1:
        raise ValueError(f'--task names the task of a config that has one; this has {", ".join(cfg.model.tasks)}')
    cfg.model.tasks = {name: next(iter(cfg.model.tasks.values()))}


def augment(cfg: Any) -> None:
    """Test-time augmentation: by MMEngine's keys ``tta_model`` and ``tta_pipeline``, else by mirrored views.

    Raises:
        ValueError: the config has none of these keys, and its tasks do not average views.
    """
    from ..datasets.transforms.views import MirrorViews
    from ..tasks import Classification, ZeroShotClassification

    dataset = cfg.test_dataloader.dataset
    while 'pipeline' not in dataset and 'dataset' in dataset:
        dataset = dataset['dataset']
    if cfg.get('tta_model') and cfg.get('tta_pipeline'):
        dataset['pipeline'] = cfg.tta_pipeline
        cfg.model = dict(cfg.tta_model, module=cfg.model)
        return
    kinds = [class_of(task, TASKS) for task in (cfg.model.get('tasks') or {}).values()]
    if not kinds or not all(issubclass(kind, (Classification, ZeroShotClassification)) for kind in kinds):
        raise ValueError(
            '--tta averages the views of classification; for another task the config gives tta_model and tta_pipeline '
            "(MMEngine's test-time augmentation)"
        )
    *steps, pack = dataset['pipeline']
    dataset['pipeline'] = [*steps, dict(type=MirrorViews), pack]


def use_device(device: str, launcher: str) -> None:
    """Let the run see one device only; before CUDA is initialised.

    Raises:
        ValueError: no such kind of device, or there are several processes, which have a GPU each.
    """
    kind, _, number = device.partition(':')
    if kind not in ('cpu', 'cuda') or not (number.isdecimal() or not number):
        raise ValueError(f"--device is 'cpu', 'cuda' or 'cuda:1', not {device!r}")
    if launcher != 'none':
        raise ValueError('--device is for one process; a launcher gives each of several its own GPU')
    if kind == 'cpu':
        os.environ['CUDA_VISIBLE_DEVICES'] = ''
    elif number:
        os.environ['CUDA_VISIBLE_DEVICES'] = number


def compute_in(dtype: str, runner: Any) -> None:
    """Run the forward passes of a test under autocast."""
    import torch

    from ..utils.wrappers import unwrap

    if dtype == 'float32':
        return
    kind = getattr(torch, dtype)
    if hasattr(runner.test_loop, 'dtype'):  # a retrieval loop, which goes to the network directly
        runner.test_loop.dtype = kind
    else:
        model = unwrap(runner.model)
        model.test_step = torch.autocast(next(model.parameters()).device.type, kind)(model.test_step)


def drop_metrics_without_labels(runner: Any) -> None:
    """Without labels there is nothing to score: leave the metrics out, with a notice, unless they write a submission."""
    from ..evaluation.base import Metric

    evaluator, dataset = runner.test_loop.evaluator, runner.test_loop.dataloader.dataset
    metrics = [metric for metric in evaluator.metrics if isinstance(metric, Metric) and not getattr(metric, 'out_file', None)]
    if not metrics or hasattr(runner.test_loop, 'top_k'):  # a retrieval loop knows the pairs
        return
    sample = dataset[0]['data_samples'].to_dict()
    unlabelled = [metric for metric in metrics if not metric.is_labelled(sample)]
    for metric in unlabelled:
        evaluator.metrics.remove(metric)
    if unlabelled:
        names = ', '.join(type(metric).__name__ for metric in unlabelled)
        runner.logger.warning(f'the samples have no labels: {names} left out, predictions are written all the same')
