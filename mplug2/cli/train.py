"""``mplug2 train``."""

from __future__ import annotations

import argparse
import shlex
from typing import Any

from ..config.command_line import add_overrides, add_smoke_test
from ..config.load import load_config, own_work_dir


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='a config file, or the name of a shipped one, such as mini/video_captioning')
    parser.add_argument(
        '--work-dir',
        help='where checkpoints and logs go; work_dirs/NAME OF THE CONFIG if not given, with _smoke behind it for a smoke test',
    )
    parser.add_argument(
        '--resume',
        nargs='?',
        const='auto',
        help="go on from this checkpoint, or from the work directory's latest if none is named",
    )
    parser.add_argument('--amp', action='store_true', help='run the forward pass in bf16')
    parser.add_argument(
        '--logger',
        nargs='+',
        choices=['tensorboard', 'wandb', 'mlflow', 'clearml', 'swanlab', 'aim'],
        default=[],
        help='log there as well: losses, metrics, and predictions drawn at each validation',
    )
    parser.add_argument(
        '--auto-scale-lr', action='store_true', help="scale the learning rate to the batch size, from the config's own"
    )
    parser.add_argument('--seed', type=int, help='random seed')
    add_smoke_test(parser)
    add_overrides(parser)
    parser.add_argument('--launcher', choices=['none', 'pytorch', 'slurm', 'mpi'], default='none')


def run(args: argparse.Namespace) -> None:
    cfg = load_config(args.config, args.cfg_options)
    cfg.launcher = args.launcher
    cfg.work_dir = args.work_dir or own_work_dir(cfg, args.config, bool(args.smoke_test))
    if args.smoke_test:
        from ..testing.shrink import shrink

        shrink(cfg, args.smoke_test, cfg.work_dir)
    if args.seed is not None:
        cfg.merge_from_dict({'randomness.seed': args.seed})
    if args.amp:
        cfg.merge_from_dict({'optim_wrapper.dtype': 'bfloat16'})
    if args.logger:
        from ..engine.loggers import visualizer_of

        cfg.visualizer = visualizer_of(args.logger)
        cfg.custom_hooks = [*(cfg.get('custom_hooks') or []), dict(type='LogPredictions')]
    if args.auto_scale_lr:
        if 'base_batch_size' not in (cfg.get('auto_scale_lr') or {}):
            raise KeyError(f'{args.config}: --auto-scale-lr needs auto_scale_lr=dict(base_batch_size=...) in the config')
        cfg.auto_scale_lr.enable = True

    from ..checkpoints.find import latest_checkpoint
    from ..engine.parallel.processes import leave_processes
    from ..engine.runner import build_runner

    if args.resume == 'auto':
        cfg.resume = latest_checkpoint(cfg.work_dir) is not None
        if cfg.resume:
            cfg.load_from = None  # else the run starts as it would have without --resume
    elif args.resume is not None:
        cfg.resume, cfg.load_from = True, args.resume
    runner = build_runner(cfg)
    if args.resume == 'auto' and not cfg.resume:
        runner.logger.info(f'nothing to resume in {cfg.work_dir}: starting at step 0')
    runner.train()
    runner.logger.info(next_command(runner, args))
    leave_processes()


def next_command(runner: Any, args: argparse.Namespace) -> str:
    """What a run says at its end: where its weights are, and what to do next."""
    work_dir = shlex.quote(str(runner.work_dir))
    smoke = f' --smoke-test {shlex.quote(args.smoke_test)}' if args.smoke_test else ''
    if runner.iter < runner.max_iters:
        return f'stopped at step {runner.iter} of {runner.max_iters}; to go on: the same command with --resume'
    return f'done: the weights are in {work_dir}; next: mplug2 test {shlex.quote(str(args.config))} {work_dir}{smoke}'
