"""``mplug2 bench loader``: is the loader fast enough for the model?"""

from __future__ import annotations

import argparse
import itertools
import time

from ...config import DictAction, load_config
from . import shards


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', nargs='?', help='a config file, or the name of a shipped one')
    shards.add_arguments(parser)
    parser.add_argument('--steps', type=int, default=50, help='batches measured, after 5 that are not')
    parser.add_argument('--amp', action='store_true', help='run the forward pass in bf16')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, default={}, metavar='KEY=VALUE', help='override keys')


def _rate(steps: int, step) -> float:
    """Steps a second of `step`, warmed up by 5."""
    for _ in range(5):
        step()
    start = time.perf_counter()
    for _ in range(steps):
        step()
    return steps / (time.perf_counter() - start)


def run(args: argparse.Namespace) -> None:
    if args.shards:
        shards.run(args)
        return
    if args.config is None:
        raise ValueError('bench loader takes a config, or --shards')
    import tempfile

    import torch

    from ...engine.runner import Runner
    from .measure import describe_run

    cfg = load_config(args.config, args.cfg_options)
    if args.amp:
        cfg.merge_from_dict({'optim_wrapper.dtype': 'bfloat16'})
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir, cfg.log_level, cfg.launcher = folder, 'WARNING', 'none'
        runner = Runner.from_cfg(cfg)
        loader = runner.build_dataloader(runner._train_dataloader, seed=0)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.model.init_weights()
        runner.model.train()
        device = next(runner.model.parameters()).device
        synchronise = torch.cuda.synchronize if device.type == 'cuda' else (lambda: None)

        def train(batch: dict) -> None:
            runner.model.train_step(batch, runner.optim_wrapper)
            synchronise()

        batches = iter(loader)
        held = [next(batches) for _ in range(4)]
        again = itertools.cycle(held)
        loading = _rate(args.steps, lambda: next(batches))
        stepping = _rate(args.steps, lambda: train(next(again)))
        both = _rate(args.steps, lambda: train(next(batches)))
    size = loader.batch_size
    parameters = sum(p.numel() for p in runner.model.parameters())
    print(describe_run())
    print(f'{args.config}: {parameters / 1e6:.2f} M parameters, batch {size}, {loader.num_workers} workers')
    print(f'  loader alone       {loading:8.2f} batches/s  {loading * size:8.0f} samples/s')
    print(f'  training step      {stepping:8.2f} steps/s    {stepping * size:8.0f} samples/s')
    print(f'  both together      {both:8.2f} steps/s    {both * size:8.0f} samples/s')
    print(f'  loader / model     {loading / stepping:8.2f}              (above 1: the model never waits)')
