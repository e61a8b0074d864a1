"""One of several processes, in the folder of the mini benchmark: every run of `test_sharding` that needs a group.

``python -m tests.engine.sharding_worker WHAT OUT SINGLE``, where SINGLE is the work directory of one process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.hooks import Hook

from mplug2.config.load import load_config
from mplug2.engine.parallel.processes import leave_processes
from mplug2.engine.runner import Runner, build_runner
from mplug2.registry import HOOKS
from mplug2.testing.shrink import shrink
from tests.runs import TINY_QA

STEPS = 5


def answering(work_dir: Path, batch_size: int = 4, **more: object) -> Config:
    """Question answering, validated by generation at the end; a full checkpoint at steps 3 and 5."""
    cfg = load_config(TINY_QA)
    cfg.merge_from_dict(
        {
            'train_cfg.max_iters': STEPS,
            'train_cfg.val_interval': 100,
            'default_hooks.checkpoint.interval': 3,
            'train_dataloader.batch_size': batch_size,
            'work_dir': str(work_dir),
            'experiment_name': work_dir.name,
            'custom_hooks': [dict(type='AverageWeights', momentum=0.5)],
            **more,
        }
    )
    return cfg


def retrieval(work_dir: Path, **more: object) -> Config:
    """Contrastive learning and matching with a momentum encoder and queues, validated over a gallery."""
    cfg = shrink(load_config('mini/video_text_retrieval'), 'data/mini', work_dir)
    cfg.merge_from_dict(
        {
            'train_cfg.max_iters': STEPS,
            'train_cfg.val_interval': 100,
            'default_hooks.logger.interval': 1,
            'default_hooks.checkpoint.interval': 3,
            'default_hooks.checkpoint.save_best': None,
            'train_dataloader.batch_size': 2,
            'val_dataloader.batch_size': 3,
            'model.blocks': dict(recompute=['vision_encoder', 'universal']),
            'experiment_name': work_dir.name,
            **more,
        }
    )
    # AdamW would make steps of full length out of the rounding errors of biases that have no gradient.
    cfg.optim_wrapper.optimizer = dict(type='SGD', lr=0.1, weight_decay=0.0)
    return cfg


def resumed(before: Path, **more: object) -> Config:
    name = f'retrieval_from_{before.name.removeprefix("retrieval_")}'
    return retrieval(before.with_name(name), resume=True, load_from=str(before / 'iter_3.pth'), **more)


def zero_redundancy(cfg: Config) -> Config:
    """The same steps by an optimizer whose state is shared out over the processes."""
    own = cfg.optim_wrapper.optimizer
    cfg.optim_wrapper.optimizer = {**own, 'type': 'ZeroRedundancyOptimizer', 'optimizer_type': own['type'].__name__}
    return cfg


@HOOKS.register_module()
class KilledAtStep(Hook):
    """Kills process 1 in the middle of a step."""

    def __init__(self, step: int) -> None:
        self.step = step

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        if runner.rank == 1 and batch_idx + 1 == self.step:
            os.kill(os.getpid(), signal.SIGKILL)


def killed(out: Path, single: Path) -> None:
    cfg = answering(out, batch_size=2, launcher='pytorch', parallel='shard')
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='KilledAtStep', step=5)]
    build_runner(cfg).train()


@HOOKS.register_module()
class SignalledAtStep(Hook):
    """Sends process 1 both signals in the middle of a step, and one of them again before its last checkpoint."""

    priority = 'LOW'

    def __init__(self, step: int) -> None:
        self.step = step

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: dict | None = None) -> None:
        if runner.rank == 1 and batch_idx + 1 == self.step:
            os.kill(os.getpid(), signal.SIGUSR1)
            os.kill(os.getpid(), signal.SIGTERM)

    def after_train(self, runner: Runner) -> None:
        if runner.rank == 1:
            os.kill(os.getpid(), signal.SIGTERM)


def signalled(out: Path, single: Path) -> None:
    cfg = answering(out, batch_size=2, launcher='pytorch', **{'default_hooks.checkpoint.interval': 100})
    cfg.default_hooks.stop_on_signal = dict(type='StopOnSignal', interval=2)
    cfg.custom_hooks = [*cfg.custom_hooks, dict(type='SignalledAtStep', step=3)]
    build_runner(cfg).train()


def everything(out: Path, single: Path) -> None:
    group = dict(launcher='pytorch', parallel='shard')
    results = {}
    for name, cfg in {
        'shard': answering(out / 'shard', batch_size=2, **group),
        'folders': answering(out / 'folders', batch_size=2, **group, **{'default_hooks.checkpoint.sharded': True}),
        # From a full checkpoint of one process, and from a sharded one.
        'from_full': answering(out / 'from_full', 2, resume=True, load_from=str(single / 'iter_3.pth'), **group),
        'from_folder': answering(
            out / 'from_folder', 2, resume=True, load_from=str(out / 'folders' / 'iter_3.shards'), **group
        ),
        'retrieval_ddp': retrieval(out / 'retrieval_ddp', launcher='pytorch'),
        'retrieval_shard': retrieval(out / 'retrieval_shard', **group),
        # Each goes on from the other's; scalars, temperatures among them, are sharded in neither.
        'retrieval_from_ddp': resumed(out / 'retrieval_ddp', **group),
        'retrieval_from_shard': resumed(out / 'retrieval_shard', launcher='pytorch'),
        'zero': zero_redundancy(answering(out / 'zero', batch_size=2, launcher='pytorch')),
    }.items():
        runner = build_runner(cfg)
        runner.train()
        results[name] = dict(
            metrics={key: float(runner.message_hub.get_scalar(f'val/{key}').current()) for key in scored(runner)},
            local=sum(getattr(p, '_local_tensor', p).numel() for p in runner.bare_model.parameters()),
            all=sum(p.numel() for p in runner.bare_model.parameters()),
        )
    if torch.distributed.get_rank() == 0:
        (out / 'results.json').write_text(json.dumps(results))


def scored(runner: Runner) -> list[str]:
    return [key.removeprefix('val/') for key in runner.message_hub.log_scalars if key.startswith('val/') and 'time' not in key]


if __name__ == '__main__':
    run = dict(all=everything, killed=killed, signalled=signalled)[sys.argv[1]]
    run(*map(Path, sys.argv[2:]))
    leave_processes()
    os.abort()  # not reached
