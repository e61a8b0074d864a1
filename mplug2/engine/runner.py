"""The one runner of mplug2."""

from __future__ import annotations

import atexit
import copy
import logging
import os
import sys
import time
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.dist import master_only
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.runner import Runner as _Runner
from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from .. import registry
from ..registry import resolve
from ..version import __version__
from .checkpoint import (
    CheckpointError,
    latest_checkpoint,
    load_checkpoint,
    load_weights,
    message_hub_state,
    plain,
    restore_message_hub,
    save_checkpoint,
)
from .hooks import CheckpointHook, RuntimeInfoHook
from .logs import LogProcessor, ScalarBuffer

DEFAULT_HOOKS = dict(
    runtime_info=dict(type=RuntimeInfoHook),
    sampler_seed=None,  # our samplers need no epoch
    checkpoint=dict(type=CheckpointHook),
)


def share_cores(workers: int) -> None:
    """On the CPU, compute with the cores that the loader's worker processes leave; OMP_NUM_THREADS overrides.

    PyTorch's threads wait for each other after every operation, so one that has to share its core holds all of them up.
    """
    if not torch.cuda.is_available() and 'OMP_NUM_THREADS' not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - workers))


@registry.RUNNERS.register_module()
class Runner(_Runner):
    """MMEngine's runner with our registries, exact resume, safe and strict checkpoints, and logs that do not stall the device.

    Built by ``Runner.from_cfg(load_config(path))``; the arguments are those of `mmengine.runner.Runner`.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self.scalars = ScalarBuffer()
        kwargs['log_processor'] = kwargs.get('log_processor') or dict(type=LogProcessor)
        if kwargs.get('launcher', 'none') == 'pytorch' and not torch.cuda.is_available():
            _initialise_gloo()
        super().__init__(*args, **kwargs)
        loader = self._train_dataloader or self._test_dataloader
        share_cores(loader.get('num_workers', 0) if isinstance(loader, dict) else 0)

    # Building: names in configs are ours first.

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        return super().build_model(resolve(model, registry.MODELS))

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        if isinstance(optim_wrapper, dict):
            optim_wrapper = resolve({'type': 'OptimWrapper', **optim_wrapper}, registry.OPTIM_WRAPPERS)
            if 'optimizer' in optim_wrapper:
                optim_wrapper['optimizer'] = resolve(optim_wrapper['optimizer'], registry.OPTIMIZERS)
        self.logger.addFilter(_not_a_parameter)
        try:
            built = super().build_optim_wrapper(optim_wrapper)
        finally:
            self.logger.removeFilter(_not_a_parameter)
        self.logger.info(describe_optimizer(built.optimizer))
        return built

    def build_param_scheduler(self, scheduler: Any) -> Any:
        return super().build_param_scheduler(resolve(scheduler, registry.PARAM_SCHEDULERS))

    def build_log_processor(self, log_processor: Any) -> Any:
        return super().build_log_processor(resolve(log_processor, registry.LOG_PROCESSORS))

    def build_train_loop(self, loop: Any) -> Any:
        if isinstance(loop, dict):
            loop = resolve({'type': 'TrainLoop', **loop}, registry.LOOPS)
        return super().build_train_loop(loop)

    def build_val_loop(self, loop: Any) -> Any:
        return super().build_val_loop(resolve(loop, registry.LOOPS))

    def build_test_loop(self, loop: Any) -> Any:
        return super().build_test_loop(resolve(loop, registry.LOOPS))

    def build_evaluator(self, evaluator: Any) -> Any:
        return super().build_evaluator(resolve(evaluator, registry.METRICS))

    def register_hook(self, hook: Any, priority: Any = None) -> None:
        super().register_hook(resolve(hook, registry.HOOKS), priority)

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        super().register_default_hooks({**DEFAULT_HOOKS, **(hooks or {})})

    @staticmethod
    def build_dataloader(dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False) -> DataLoader:
        """As in MMEngine; samples are batched by `multimodal_collate` unless the config says otherwise."""
        if isinstance(dataloader, dict):
            dataloader = copy.copy(dataloader)
            dataloader['dataset'] = resolve(dataloader['dataset'], registry.DATASETS)
            dataloader['sampler'] = resolve(dataloader['sampler'], registry.DATA_SAMPLERS)
            dataloader['collate_fn'] = resolve(
                dataloader.get('collate_fn', dict(type='multimodal_collate')), registry.FUNCTIONS
            )
            dataloader['persistent_workers'] = dataloader.get('num_workers', 0) > 0
        return _Runner.build_dataloader(dataloader, seed, diff_rank_seed)

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        if self.distributed and model_wrapper_cfg is None and not torch.cuda.is_available():
            # MMEngine would pass CUDA devices.
            unused = self.cfg.get('find_unused_parameters', False)
            return MMDistributedDataParallel(module=model, broadcast_buffers=False, find_unused_parameters=unused)
        return super().wrap_model(model_wrapper_cfg, model)

    # Checkpoints.

    @property
    def _bare_model(self) -> nn.Module:
        return self.model.module if is_model_wrapper(self.model) else self.model

    @master_only
    def save_checkpoint(
        self,
        out_dir: str,
        filename: str,
        file_client_args: dict | None = None,
        save_optimizer: bool = True,
        save_param_scheduler: bool = True,
        meta: dict | None = None,
        by_epoch: bool = False,
        backend_args: dict | None = None,
    ) -> None:
        """Write model and training state to ``out_dir/filename``, all or nothing.

        Args:
            meta: noted in the file; ``iter`` is the steps done, which default to the runner's.
            file_client_args, by_epoch, backend_args: of MMEngine's signature, unused: files are local, steps are counted.

        Raises:
            CheckpointError: the file could not be written.
        """
        self.scalars.flush(self.message_hub)
        meta = dict(
            {'iter': self.iter, 'epoch': self.epoch} | (meta or {}),
            cfg=self.cfg.pretty_text,
            seed=self.seed,
            experiment_name=self.experiment_name,
            time=time.strftime('%Y-%m-%d %H:%M:%S'),
            mplug2_version=__version__,
        )
        checkpoint = dict(
            meta=plain(meta),
            state_dict=plain(self._bare_model.state_dict()),
            message_hub=message_hub_state(self.message_hub),
        )
        if save_optimizer:
            checkpoint['optimizer'] = plain(self.optim_wrapper.state_dict())
        if save_param_scheduler:
            checkpoint['param_schedulers'] = [plain(scheduler.state_dict()) for scheduler in self.param_schedulers or []]
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        save_checkpoint(checkpoint, Path(out_dir) / filename)

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', strict: bool = True, revise_keys: Any = ()) -> dict:
        """Load a checkpoint's weights, all of them.

        Raises:
            CheckpointError: unreadable, or of another model.
        """
        checkpoint = load_checkpoint(filename, map_location)
        self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
        load_weights(self._bare_model, checkpoint.get('state_dict', checkpoint), str(filename))
        self._has_loaded = True
        self.logger.info(f'loaded {filename}')
        return checkpoint

    def load_or_resume(self) -> None:
        """Resume from ``load_from`` or the latest checkpoint of the work directory, or load weights, as the config says."""
        if self._has_loaded:
            return
        if self._resume:
            path = self._load_from or latest_checkpoint(self.work_dir)
            if path is None:
                self.logger.info(f'nothing to resume in {self.work_dir}: starting at step 0')
            else:
                self.resume(str(path))
        elif self._load_from is not None:
            self.load_checkpoint(self._load_from)

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = 'cpu',
    ) -> None:
        """Go on where a checkpoint of `save_checkpoint` was written.

        Raises:
            CheckpointError: unreadable, of another model, of another schedule, or without a training state.
        """
        checkpoint = self.load_checkpoint(filename, map_location)
        missing = [key for key in ('meta', 'message_hub', 'optimizer', 'param_schedulers') if key not in checkpoint]
        if missing:
            raise CheckpointError(
                f'{filename} holds weights but no {" and no ".join(missing)}, so training cannot go on from it: resume from '
                'an iter_*.pth, or start from these weights with --cfg-options load_from=...'
            )
        schedulers, states = self.param_schedulers or [], checkpoint['param_schedulers']
        if len(schedulers) != len(states):
            raise CheckpointError(
                f'{filename} was written with {len(states)} parameter schedulers and the config has {len(schedulers)}: '
                'resume with the config of that run'
            )
        meta = checkpoint['meta']
        self.train_loop._iter = meta['iter']
        if meta['seed'] != self.seed:
            self.logger.info(f'taking the seed {meta["seed"]} of the resumed run')
            self._randomness_cfg.update(seed=meta['seed'])
            self.set_randomness(**self._randomness_cfg)
        restore_message_hub(self.message_hub, checkpoint['message_hub'])
        self.optim_wrapper.load_state_dict(checkpoint['optimizer'])
        for scheduler, state in zip(schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        self.logger.info(f'resumed at step {self.iter} of {self.max_iters}')


def describe_optimizer(optimizer: Optimizer) -> str:
    """An optimizer in one line: its name, learning rate, and how many parameters it has with and without weight decay."""
    counts = {True: 0, False: 0}
    for group in optimizer.param_groups:
        counts[bool(group.get('weight_decay'))] += sum(parameter.numel() for parameter in group['params'])
    rates = sorted({group['lr'] for group in optimizer.param_groups})
    rate = f'{rates[0]:g}' if len(rates) == 1 else f'{rates[0]:g} to {rates[-1]:g}'
    return (
        f'{type(optimizer).__name__}, learning rate {rate}: {counts[True]:,} parameters with weight decay, '
        f'{counts[False]:,} without'
    )


def _not_a_parameter(record: logging.LogRecord) -> bool:
    """Leaves out the line that MMEngine's optimizer constructor prints for every option of every parameter."""
    return not str(record.msg).startswith('paramwise_options')


def _initialise_gloo() -> None:
    if not torch.distributed.is_initialized():
        os.environ.setdefault('LOCAL_RANK', '0')
        torch.distributed.init_process_group('gloo')


def leave_processes() -> None:
    """End a process of a distributed run, whose work is done; in a run of one process, do nothing.

    The interpreter is not taken down: wrapped models and device meshes keep the process group's threads alive until then, and
    such a thread that asks for the interpreter while it ends is cancelled inside C++ code that may not be left so, which
    aborts a process that has done all of its work.
    """
    if not torch.distributed.is_initialized():
        return
    torch.distributed.destroy_process_group()
    atexit._run_exitfuncs()  # closes log files, loaders' workers and event files
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def build_runner(cfg: Config) -> Runner:
    """The runner of a config: ours unless ``runner_type`` names another."""
    if 'runner_type' in cfg:
        return registry.RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)
