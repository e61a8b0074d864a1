"""The one runner of mplug2."""

from __future__ import annotations

import atexit
import copy
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import all_gather_object, is_main_process
from mmengine.model import MMDistributedDataParallel, is_model_wrapper
from mmengine.optim import ZeroRedundancyOptimizer
from mmengine.runner import Runner as _Runner
from torch import nn
from torch.utils.data import DataLoader

from .. import registry
from ..checkpoints.files import SHARDS, checkpoint_of, find_weights, latest_checkpoint
from ..checkpoints.training import (
    CheckpointError,
    load_checkpoint,
    load_weights,
    message_hub_state,
    restore_message_hub,
    save_checkpoint,
    to_plain_data,
)
from ..model import MPlug2
from ..registry import resolve
from ..version import __version__
from .hooks.bad_samples import BadSampleCount
from .hooks.checkpoint import CheckpointHook, RuntimeInfoHook
from .hooks.nonfinite import NonFiniteGuard
from .hooks.preemption import StopOnSignal, ignore_signals_in_worker
from .logs import DeviceScalarBuffer, LogProcessor
from .optim.wrapper import describe_optimizer, fused, not_a_parameter
from .parallel.sharding import UnshardForValidation, is_sharded, place_optimizer_state, shard_model
from .resume_check import changes, describe_stream, samples_per_step

DEFAULT_HOOKS = dict(
    runtime_info=dict(type=RuntimeInfoHook),
    sampler_seed=None,  # our samplers need no epoch
    checkpoint=dict(type=CheckpointHook),
    stop_on_signal=dict(type=StopOnSignal),
    nonfinite=dict(type=NonFiniteGuard),
    bad_samples=dict(type=BadSampleCount),
)
PARALLEL = ('replicate', 'shard')


def share_cores(workers: int) -> None:
    """On the CPU, compute with the cores that the loader's worker processes leave; OMP_NUM_THREADS overrides.

    PyTorch's threads wait for each other after every operation, so one that has to share its core holds all of them up.
    """
    if not torch.cuda.is_available() and 'OMP_NUM_THREADS' not in os.environ:
        torch.set_num_threads(max(1, (os.cpu_count() or 1) - workers))


def _begin_worker(begin: Callable[[int], None] | None, worker: int) -> None:
    """What a loader's worker process does first. begin: MMEngine's part, which seeds it."""
    ignore_signals_in_worker(worker)
    if begin is not None:
        begin(worker)


def _size(path: str | None) -> str:
    """What tells a file from another one of its name, or from none, on another machine's disk."""
    if path is None or not Path(path).exists():
        return 'no file'
    return 'a folder' if Path(path).is_dir() else f'{Path(path).stat().st_size} bytes'


def _in_folder(folder: str, evaluator: Any) -> Any:
    """An evaluator's config, the ``out_file`` of its metrics from a folder on."""
    if isinstance(evaluator, (list, tuple)):
        return [_in_folder(folder, metric) for metric in evaluator]
    if not isinstance(evaluator, dict):
        return evaluator  # a metric that is built
    if 'metrics' in evaluator:
        return dict(evaluator, metrics=_in_folder(folder, evaluator['metrics']))
    return dict(evaluator, out_file=str(Path(folder, evaluator['out_file']))) if evaluator.get('out_file') else evaluator


@registry.RUNNERS.register_module()
class Runner(_Runner):
    """MMEngine's runner with our registries, exact resume, safe and strict checkpoints, and logs that do not stall the device.

    Built by ``Runner.from_cfg(load_config(path))``; the arguments are those of `mmengine.runner.Runner`. The config's key
    ``parallel`` says how several processes train: 'replicate' (DDP; the default) or 'shard' (FSDP2, `shard_model`). Both take
    the same steps from the same batches, and load each other's checkpoints.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (kwargs.get('randomness') or {}).get('diff_rank_seed'):
            raise ValueError(
                'randomness.diff_rank_seed: processes share one seed here, from which each draws its own samples and crops; '
                'with others they would not take the same sources'
            )
        self.scalars = DeviceScalarBuffer()
        self.lr_scale = 1.0  # of the config's rates, for the samples of a step
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
        self._shard()  # the optimizer has to see the sharded parameters
        if isinstance(optim_wrapper, dict):
            optim_wrapper = resolve({'type': 'OptimWrapper', **optim_wrapper}, registry.OPTIM_WRAPPERS)
            if 'optimizer' in optim_wrapper:
                optim_wrapper['optimizer'] = fused(resolve(optim_wrapper['optimizer'], registry.OPTIMIZERS))
        self.logger.addFilter(not_a_parameter)
        try:
            built = super().build_optim_wrapper(optim_wrapper)
        finally:
            self.logger.removeFilter(not_a_parameter)
        self.logger.info(describe_optimizer(built.optimizer))
        return built

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rates with the samples of a step, if the config says so; else tell if processes change these."""
        base, samples = (auto_scale_lr or {}).get('base_batch_size'), samples_per_step(self.train_dataloader, self.world_size)
        if None in (base, samples) or samples == base:
            return
        if auto_scale_lr.get('enable'):
            self.logger.info(f'the learning rate is for {base} samples a step and is scaled to {samples:g}')
            self.lr_scale = samples / base
            for group in optim_wrapper.optimizer.param_groups:
                group['lr'] *= self.lr_scale
        else:
            self.logger.warning(
                f'the learning rate is for {base} samples a step, and this run takes {samples:g}: set the batch size to match, '
                'or scale the rate with --auto-scale-lr; the number of steps stays in either case'
            )

    def _rescale_lr(self, before: float) -> None:
        """Of a resumed run, whose rates are those of the checkpoint: scaled as this run is to be."""
        change = self.lr_scale / before
        if change == 1:
            return
        self.logger.warning(f'the learning rates of the checkpoint, scaled by {before:g}, are scaled by {self.lr_scale:g} now')
        for group in self.optim_wrapper.optimizer.param_groups:
            group['lr'] *= change
            if 'initial_lr' in group:
                group['initial_lr'] *= change
        for scheduler in self.param_schedulers or []:
            if scheduler.param_name == 'lr':
                scheduler.base_values = [value * change for value in scheduler.base_values]

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """As in MMEngine; a scheduler that would begin after the last step is left out, with a warning."""
        scheduler = resolve(scheduler, registry.PARAM_SCHEDULERS)
        if isinstance(scheduler, list):
            scheduler = [one for one in scheduler if not self._begins_too_late(one)]
        for one in scheduler if isinstance(scheduler, list) else [scheduler]:
            if isinstance(one, dict) and one.get('by_epoch', True) and hasattr(one['type'], 'build_iter_from_epoch'):
                one['convert_to_iter_based'] = True  # the loop counts steps
        return super().build_param_scheduler(scheduler)

    def _begins_too_late(self, scheduler: Any) -> bool:
        if not isinstance(scheduler, dict) or 'end' in scheduler:
            return False
        last = self.train_loop.max_epochs if scheduler.get('by_epoch', True) else self.train_loop.max_iters
        if scheduler.get('begin', 0) < last:
            return False
        unit = 'epochs' if scheduler.get('by_epoch', True) else 'steps'
        self.logger.warning(
            f'{scheduler["type"].__name__} of param_scheduler is left out: it begins after {scheduler["begin"]} {unit}, '
            f'and the run has {last}'
        )
        return True

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
        """As in MMEngine; a relative ``out_file`` of a metric lies in the work directory."""
        return super().build_evaluator(_in_folder(self.work_dir, resolve(evaluator, registry.METRICS)))

    def register_hook(self, hook: Any, priority: Any = None) -> None:
        super().register_hook(resolve(hook, registry.HOOKS), priority)

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        """As in MMEngine, with `DEFAULT_HOOKS`, of which a config may give settings without the type."""
        given = dict(DEFAULT_HOOKS)
        for name, hook in (hooks or {}).items():
            settings = isinstance(hook, dict) and 'type' not in hook
            given[name] = {**(given.get(name) or {}), **hook} if settings else hook
        super().register_default_hooks(given)

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
            dataloader.setdefault('persistent_workers', dataloader.get('num_workers', 0) > 0)
            dataloader.setdefault('pin_memory', torch.cuda.is_available())  # or the host waits for every batch's copy
        loader = _Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        loader.worker_init_fn = partial(_begin_worker, loader.worker_init_fn)
        return loader

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        parallel = self.cfg.get('parallel') or PARALLEL[0]
        if parallel not in PARALLEL:
            raise ValueError(f'parallel is one of {", ".join(map(repr, PARALLEL))}, not {parallel!r}')
        if parallel == 'shard' and self.distributed:
            return model.to(get_device())  # sharded when training begins; testing needs all of it everywhere
        if self.distributed and model_wrapper_cfg is None and not torch.cuda.is_available():
            # MMEngine would pass CUDA devices.
            unused = self.cfg.get('find_unused_parameters', False)
            return MMDistributedDataParallel(module=model, broadcast_buffers=False, find_unused_parameters=unused)
        return super().wrap_model(model_wrapper_cfg, model)

    def _shard(self) -> None:
        """Initialise the weights and shard them, if the config says so."""
        if self.cfg.get('parallel') != 'shard' or not self.distributed or is_sharded(self.model):
            return
        self._init_model_weights()
        shard_model(self.model)
        self.register_hook(UnshardForValidation())
        self.logger.info(f'the model is sharded over {self.world_size} processes')

    def _init_model_weights(self) -> None:
        """As in MMEngine. What a checkpoint replaces is not read from other files first, which may be gone."""
        if is_sharded(self.model):  # they were initialised before
            return
        if self._find_start() is not None:
            for model in [part for part in self.bare_model.modules() if isinstance(part, MPlug2)]:
                model.init_cfg = None
        super()._init_model_weights()

    # Checkpoints.

    @property
    def bare_model(self) -> nn.Module:
        """The model without DDP around it."""
        return self.model.module if is_model_wrapper(self.model) else self.model

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
        """Write model and training state to ``out_dir/filename``, all or nothing; every process calls it.

        Args:
            filename: one that ends in ``.shards`` is a folder to which each process writes its part.
            meta: noted in the file; ``iter`` is the steps done, which default to the runner's.
            file_client_args, by_epoch, backend_args: of MMEngine's signature, unused: files are local, steps are counted.

        Raises:
            CheckpointError: the file could not be written.
        """
        self.scalars.flush(self.message_hub)
        path, main = Path(out_dir) / filename, is_main_process()
        sharded = path.suffix == f'.{SHARDS}'
        if not main and not sharded and not is_sharded(self.model):
            if save_optimizer and isinstance(self.optim_wrapper.optimizer, ZeroRedundancyOptimizer):
                self.optim_wrapper.optimizer.consolidate_state_dict()  # hands the main process its part
            return
        meta = dict(
            {'iter': self.iter, 'epoch': self.epoch} | (meta or {}),
            cfg=self.cfg.pretty_text,
            seed=self.seed,
            lr_scale=self.lr_scale,
            **describe_stream(self.train_dataloader, self.world_size),
            experiment_name=self.experiment_name,
            time=time.strftime('%Y-%m-%d %H:%M:%S'),
            mplug2_version=__version__,
        )
        checkpoint = dict(meta=to_plain_data(meta), message_hub=message_hub_state(self.message_hub))
        weights, optimizer = self.bare_model.state_dict(), self.optim_wrapper.state_dict() if save_optimizer else None
        if save_param_scheduler:
            checkpoint['param_schedulers'] = [
                to_plain_data(scheduler.state_dict()) for scheduler in self.param_schedulers or []
            ]
        if sharded:
            from ..checkpoints.sharded import save_sharded

            if save_optimizer:
                checkpoint['optimizer'] = to_plain_data({key: value for key, value in optimizer.items() if key != 'state'})
            checkpoint['state_dict'] = {}
            self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
            average = checkpoint.pop('average', {})
            save_sharded(checkpoint, weights, average, optimizer and optimizer['state'], path)
            return
        checkpoint['state_dict'] = to_plain_data(weights, keep=main)
        if save_optimizer:
            checkpoint['optimizer'] = to_plain_data(optimizer, keep=main)
        self.call_hook('before_save_checkpoint', checkpoint=checkpoint)
        if 'average' in checkpoint:
            checkpoint['average'] = to_plain_data(checkpoint['average'], keep=main)
        if main:
            save_checkpoint(checkpoint, path)

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', strict: bool = True, revise_keys: Any = ()) -> dict:
        """Load a checkpoint's weights; of a sharded one the optimizer's state is not read yet.

        Args:
            filename: a checkpoint, or what `find_weights` finds. Resuming takes all of its weights; what is only to start from
                it, or to test it, may have other tasks (`fitting`).

        Raises:
            CheckpointError: unreadable, or of another model.
        """
        start = None if self._resume else 'test' if self._train_loop is None else 'training'
        path = Path(filename)
        if path.suffix == f'.{SHARDS}':
            from ..checkpoints.sharded import load_sharded

            checkpoint = load_sharded(self.bare_model, path, start, partial(self.call_hook, 'after_load_checkpoint'))
        else:
            checkpoint = load_checkpoint(find_weights(filename), map_location)
            self.call_hook('after_load_checkpoint', checkpoint=checkpoint)
            load_weights(self.bare_model, checkpoint.get('state_dict', checkpoint), str(filename), start)
        self._has_loaded = True
        self.logger.info(f'loaded {filename}')
        return checkpoint

    def _find_start(self) -> str | None:
        """What is loaded before the first step: ``load_from`` (of a work directory its best checkpoint, or else its latest),
        or, resuming, that checkpoint or the latest of the work directory. All processes ask for it together.

        Raises:
            CheckpointError: there is none, or processes found different ones, each on a disk of its own.
        """
        error = None
        try:
            if self._load_from is not None:
                found = str(self._load_from if self._resume else checkpoint_of(self._load_from))
            else:
                latest = latest_checkpoint(self.work_dir) if self._resume else None
                found = None if latest is None else str(latest)
        except CheckpointError as failed:  # the others are waiting
            error, found = failed, None
        starts = all_gather_object((self._resume, found, _size(found)))
        if len(set(starts)) > 1:
            rank = next(rank for rank, start in enumerate(starts) if start != starts[0])
            told = ' and '.join(f'process {one} from {starts[one][1] or "nothing"} ({starts[one][2]})' for one in (0, rank))
            raise CheckpointError(
                f'{told} would start: the work directory and weights have to lie where all machines see the same files'
            )
        if error is not None:
            raise error
        return found

    def load_or_resume(self) -> None:
        """Resume from a checkpoint, or load its weights, as the config says (`_find_start`)."""
        if self._has_loaded:
            return
        path = self._find_start()
        if path is None:
            if self._resume:
                self.logger.info(f'nothing to resume in {self.work_dir}: starting at step 0')
        elif self._resume:
            self.resume(path)
        else:
            self.load_checkpoint(path)

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
        optimizer = checkpoint['optimizer']
        if Path(filename).suffix == f'.{SHARDS}':
            from ..checkpoints.sharded import read_optimizer

            optimizer['state'] = read_optimizer(Path(filename), self.optim_wrapper.optimizer)
        else:
            optimizer = place_optimizer_state(optimizer, self.optim_wrapper.optimizer)
        self.optim_wrapper.load_state_dict(optimizer)
        for scheduler, state in zip(schedulers, states, strict=True):
            scheduler.load_state_dict(state)
        self._rescale_lr(meta.get('lr_scale', self.lr_scale))
        for change in changes(meta, describe_stream(self.train_dataloader, self.world_size)):
            self.logger.warning(change)
        self.logger.info(f'resumed at step {self.iter} of {self.max_iters}')


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
