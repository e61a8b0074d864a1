"""``mplug2 test``."""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

from ..config.command_line import DictAction
from ..config.load import load_config, own_work_dir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='a config file, or the name of a shipped one')
    parser.add_argument(
        'checkpoint',
        help='a checkpoint file, the name of shipped weights, or a work directory: its best checkpoint, or else its latest',
    )
    parser.add_argument('--work-dir', help='where logs and result files go; work_dirs/NAME OF THE CONFIG if not given')
    parser.add_argument('--out', type=Path, help='write the metrics here as JSON')
    parser.add_argument('--show-dir', help='draw predictions here')
    parser.add_argument('--smoke-test', metavar='DATA', help='shrink to a tiny size, on the mini benchmark that lies here')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE', help='override keys')
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')


def run(args: argparse.Namespace) -> None:
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
    path = Path(args.checkpoint)
    cfg.load_from, cfg.resume = str(find_weights(path) if path.is_dir() else args.checkpoint), False
    for key in ('train_dataloader', 'train_cfg', 'optim_wrapper', 'param_scheduler', 'val_dataloader', 'val_cfg'):
        cfg[key] = None  # not needed, so their files need not be there
    cfg.val_evaluator = None
    if args.show_dir:
        # A name, because MMEngine cannot print a config to which a class was added.
        hook = dict(type=cfg.get('drawn_by', 'ShowPredictions'), folder=args.show_dir)
        cfg.custom_hooks = [*cfg.get('custom_hooks', []), hook]
    start = time.perf_counter()
    metrics = {key: float(value) for key, value in build_runner(cfg).test().items()}
    metrics['seconds'] = round(time.perf_counter() - start, 1)
    if is_main_process():
        for key, value in metrics.items():
            print(f'{key:>20}  {value:.4f}')
        if args.out:  # after they are printed: the disk may be full
            write_text(args.out, json.dumps(metrics, indent=1))
    leave_processes()
