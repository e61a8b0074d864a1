"""``mplug2 bench loader``: is the loader fast enough for the model?"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable

from ...config.command_line import add_overrides
from ...config.load import load_config
from . import shards

HELD = 16  # batches in memory that the training step alone cycles through


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', nargs='?', help='a config file, or the name of a shipped one')
    shards.add_arguments(parser)
    parser.add_argument('--steps', type=int, default=50, help='batches measured, after 5 of warm-up')
    parser.add_argument('--amp', action='store_true', help='run the forward pass in bf16')
    add_overrides(parser)


def _rates(steps: int, step: Callable[[], int]) -> tuple[float, float]:
    """Steps and samples a second of `step`, which returns its number of samples, after 5 steps of warm-up."""
    for _ in range(5):
        step()
    start, samples = time.perf_counter(), 0
    for _ in range(steps):
        samples += step()
    taken = time.perf_counter() - start
    return steps / taken, samples / taken


def _samples(batch: dict | list[dict]) -> int:
    """Number of samples of a step: a batch, or in pre-training a list of batches."""
    return sum(len(part['data_samples']) for part in (batch if isinstance(batch, list) else [batch]))


def run(args: argparse.Namespace) -> None:
    if args.shards:
        shards.run(args)
        return
    if args.config is None:
        raise ValueError('bench loader needs a config, or --shards')
    import tempfile

    import torch

    from ...engine.resume_check import describe_stream
    from ...engine.runner import Runner
    from .measure import describe_run

    cfg = load_config(args.config, args.cfg_options)
    if args.amp:
        cfg.merge_from_dict({'optim_wrapper.dtype': 'bfloat16'})
    with tempfile.TemporaryDirectory() as folder:
        cfg.work_dir, cfg.log_level, cfg.launcher = folder, 'WARNING', 'none'
        runner = Runner.from_cfg(cfg)
        loop = runner.train_loop
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        runner.model.init_weights()
        runner.model.train()
        device = next(runner.model.parameters()).device
        synchronise = torch.cuda.synchronize if device.type == 'cuda' else (lambda: None)

        def train(batch: dict | list[dict]) -> int:
            loop.optimize(batch)
            synchronise()
            return _samples(batch)

        batches = loop.batches()
        again = itertools.cycle([next(batches) for _ in range(HELD)])
        measured = {
            'loader alone': _rates(args.steps, lambda: _samples(next(batches))),
            'training step': _rates(args.steps, lambda: train(next(again))),
            'both together': _rates(args.steps, lambda: train(next(batches))),
        }
    parameters = sum(p.numel() for p in runner.model.parameters())
    print(describe_run())
    sizes = describe_stream(loop.dataloader, 1)['batch_size']
    size = ', '.join(f'{name} {size}' for name, size in sizes.items()) if isinstance(sizes, dict) else sizes
    print(f'{args.config}: {parameters / 1e6:.2f} M parameters, batch {size}, {loop.dataloader.num_workers} workers')
    for name, (steps, samples) in measured.items():
        print(f'  {name:<17} {steps:9.2f} steps/s  {samples:8.0f} samples/s')
    ratio = measured['loader alone'][1] / measured['training step'][1]
    print(f'  loader / model     {ratio:8.2f}                (samples; above 1 the model never waits)')
