"""What `test_walk` runs in processes of their own: the package is found where it is installed, by its entry point alone.

``python walk_worker.py SITE single|shard OUT``, in the folder of the mini benchmark.
"""

from __future__ import annotations

import json
import site
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

CONFIGS = Path(__file__).parent / 'walk' / 'configs'
PARTS = ('register_vit', 'small_conv_net', 'wide_decoder', 'moment_retrieval', 'concept_contrast')
DATA = 'data/mini'
STEPS, SHARD_STEPS = 20, 2


def options(part: str, batch: int, **more: object) -> dict:
    """Overrides of a part's config: few samples, no workers. batch: of a process."""
    chosen = {
        'param_scheduler': None,
        'optim_wrapper.dtype': None,
        'default_hooks.logger.interval': 1,
        'train_dataloader.num_workers': 0,
        'val_dataloader.num_workers': 0,
        'val_dataloader.dataset.indices': 2,
        'default_hooks.checkpoint.save_best': None,
        'train_cfg.max_iters': STEPS,
        'train_cfg.val_interval': STEPS,
        'train_cfg.val_begin': STEPS + 1,
        **more,
    }
    sources = 'train_dataloader.dataset.sources.video' if part == 'concept_contrast' else 'train_dataloader'
    chosen[f'{sources}.batch_size'] = batch
    return chosen | moments(part, 'train', 'val')


def moments(part: str, *loaders: str) -> dict:
    """Where the moments are, which are made of the mini benchmark's clips."""
    from mplug2.datasets.stand_ins import MiniBenchmark
    from mplug2.registry import DATASETS

    if part != 'moment_retrieval':
        return {}
    data = DATASETS.get('Moments')
    return {
        f'{loader}_dataloader.dataset.ann_file': data.stand_in(MiniBenchmark(DATA), {'ann_file': loader})['ann_file']
        for loader in loaders
    }


def written(overrides: dict) -> list[str]:
    return ['--cfg-options', *(f'{key}={value}' for key, value in overrides.items())]


def command(*words: str | Path) -> str:
    """Run ``mplug2 WORDS``, which must end well; returns what it printed."""
    from mplug2.cli import main

    printed = StringIO()
    with redirect_stdout(printed):
        status = main([str(word) for word in words])
    assert status == 0, f'mplug2 {words[0]} ended with status {status}'
    return printed.getvalue()


def single(part: str, out: Path) -> dict:
    """Train, test and show; tables of modules and plan; a smoke test."""
    path, work, tested = CONFIGS / f'{part}.py', out / part, out / f'{part}_test'
    command('train', path, '--work-dir', work, *written(options(part, 4, experiment_name=part)))
    few = {'test_dataloader.num_workers': 0, 'test_dataloader.dataset.indices': 4, **moments(part, 'test')}
    shown = ['--show-dir', tested / 'shown', '--out', tested / 'metrics.json']
    command('test', path, work, '--work-dir', tested, *shown, *written({**few, 'experiment_name': f'{part}_test'}))
    smoke = out / f'{part}_smoke'
    command('train', path, '--smoke-test', DATA, '--work-dir', smoke, *written({'experiment_name': f'{part}_smoke'}))
    return dict(
        metrics=json.loads((tested / 'metrics.json').read_text()),
        modules=command('modules', path),
        plan=command('plan', path, '--gpus', '2', '--batch-size', '2'),
    )


def shard(part: str, out: Path) -> dict:
    """Train in a group whose processes share the weights out, and validate."""
    from mplug2.config.load import load_config
    from mplug2.engine.runner import build_runner

    cfg = load_config(CONFIGS / f'{part}.py')
    steps = {f'train_cfg.{name}': SHARD_STEPS for name in ('max_iters', 'val_interval', 'val_begin')}
    group = dict(launcher='pytorch', parallel='shard', work_dir=str(out / f'{part}_shard'), experiment_name=f'{part}_shard')
    cfg.merge_from_dict(options(part, 2, **steps, **group))
    runner = build_runner(cfg)
    runner.train()
    parameters = list(runner.bare_model.parameters())
    return dict(
        local=sum(getattr(parameter, '_local_tensor', parameter).numel() for parameter in parameters),
        all=sum(parameter.numel() for parameter in parameters),
    )


def report_of(run: Callable[[str, Path], dict], part: str, out: Path) -> dict:
    try:
        return run(part, out)
    except Exception:
        return dict(error=traceback.format_exc())


if __name__ == '__main__':
    folder, mode, target = sys.argv[1:]
    site.addsitedir(folder)
    reports = {part: report_of(dict(single=single, shard=shard)[mode], part, Path(target)) for part in PARTS}
    import torch

    if not torch.distributed.is_initialized() or torch.distributed.get_rank() == 0:
        (Path(target) / f'{mode}.json').write_text(json.dumps(reports))
    from mplug2.engine.parallel.processes import leave_processes

    leave_processes()
