"""The one runner of mplug2."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.model import MMDistributedDataParallel
from mmengine.runner import Runner as _Runner
from torch import nn
from torch.utils.data import DataLoader

from .. import registry
from ..evaluation.base import write_into
from ..registry import resolve
from ..utils.files import naming_logs
from ..utils.locking import lock_folder, unlock_folder
from ..utils.wrappers import unwrap
from .checkpointer import Checkpointer
from .hooks.defaults import default_hooks
from .hooks.watchdog import Watchdog
from .logs import DeviceScalarBuffer, LogProcessor
from .optim.lr_scaling import scale_lr
from .optim.schedulers import fit_schedulers
from .optim.wrapper import describe_optimizer, fused, not_a_parameter
from .parallel.processes import begin_worker, initialise_gloo, rank_of_launcher, share_cores
from .parallel.sharding import UnshardForValidation, is_sharded, shard_model
from .resume_check import samples_per_step

PARALLEL = ('replicate', 'shard')


@registry.RUNNERS.register_module()
class Runner(_Runner):
    """MMEngine's runner with our registries, exact resume, safe and strict checkpoints, and logs that do not stall the device.

    Built by ``Runner.from_cfg(load_config(path))``; the arguments are those of `mmengine.runner.Runner`. The config's key
    ``parallel`` says how several processes train: 'replicate' (DDP; the default) or 'shard' (FSDP2, `shard_model`). Both take
    the same steps from the same batches, and load each other's checkpoints.

    A runner with training data holds its work directory from the start until its training ends (`lock_folder`).

    Raises:
        FolderInUseError: another run holds the work directory.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if (kwargs.get('randomness') or {}).get('diff_rank_seed'):
            raise ValueError(
                'randomness.diff_rank_seed: processes share one seed here, from which each takes its own samples and crops; '
                'with others they would not take the same sources'
            )
        if kwargs.get('train_dataloader') and kwargs.get('work_dir') and rank_of_launcher(kwargs.get('launcher')) == 0:
            lock_folder(kwargs['work_dir'])  # before anything in it is touched
        self.scalars = DeviceScalarBuffer()
        self.lr_scale = 1.0  # of the config's rates, for the samples of a step
        kwargs['log_processor'] = kwargs.get('log_processor') or dict(type=LogProcessor)
        if kwargs.get('launcher', 'none') == 'pytorch' and not torch.cuda.is_available():
            initialise_gloo()
        with naming_logs(kwargs.get('work_dir')):
            super().__init__(*args, **kwargs)
        self.checkpointer = Checkpointer(self)
        loader = self._train_dataloader or self._test_dataloader
        share_cores(loader.get('num_workers', 0) if isinstance(loader, dict) else 0)

    def train(self) -> nn.Module:
        """As in MMEngine; the work directory is free afterwards."""
        try:
            with self._watched(), naming_logs(self.log_dir):
                return super().train()
        finally:
            unlock_folder(self.work_dir)

    def val(self) -> dict[str, float]:
        """As in MMEngine."""
        with self._watched():
            return super().val()

    def test(self) -> dict[str, float]:
        """As in MMEngine."""
        with self._watched():
            return super().test()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Ends the watch over a run with it: one that failed waits for nothing any more, and its process may go on."""
        try:
            yield
        finally:
            for hook in self.hooks:
                if isinstance(hook, Watchdog):
                    hook.stop()

    # Building: names in configs are ours first.

    def build_model(self, model: nn.Module | dict) -> nn.Module:
        return super().build_model(resolve(model, registry.MODELS))

    def build_optim_wrapper(self, optim_wrapper: Any) -> Any:
        self._shard()  # the optimizer has to see the sharded parameters
        if isinstance(optim_wrapper, dict):
            optim_wrapper = resolve({'type': 'OptimWrapper', **optim_wrapper}, registry.OPTIM_WRAPPERS)
            if 'optimizer' in optim_wrapper:
                optim_wrapper['optimizer'] = fused(resolve(optim_wrapper['optimizer'], registry.OPTIMIZERS))
            if isinstance(optim_wrapper.get('constructor'), str):
                optim_wrapper['constructor'] = registry.OPTIM_WRAPPER_CONSTRUCTORS.find(optim_wrapper['constructor'])
        self.logger.addFilter(not_a_parameter)
        try:
            built = super().build_optim_wrapper(optim_wrapper)
        finally:
            self.logger.removeFilter(not_a_parameter)
        self.logger.info(describe_optimizer(built.optimizer))
        return built

    def scale_lr(self, optim_wrapper: Any, auto_scale_lr: dict | None = None) -> None:
        """Scale the learning rates with the samples of a step, those accumulated included (`lr_scaling`)."""
        samples = samples_per_step(self.train_dataloader, self.world_size)
        samples = samples and samples * getattr(optim_wrapper, '_accumulative_counts', 1)
        self.lr_scale = scale_lr(optim_wrapper.optimizer, auto_scale_lr, samples, self.logger)

    def build_param_scheduler(self, scheduler: Any) -> Any:
        """As in MMEngine, counted in steps (`fit_schedulers`)."""
        schedulers = resolve(scheduler, registry.PARAM_SCHEDULERS)
        return super().build_param_scheduler(fit_schedulers(schedulers, self.train_loop, self.logger))

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
        """As in MMEngine; a relative ``out_file`` of a metric is in the work directory."""
        return super().build_evaluator(write_into(self.work_dir, resolve(evaluator, registry.METRICS)))

    def register_hook(self, hook: Any, priority: Any = None) -> None:
        super().register_hook(resolve(hook, registry.HOOKS), priority)

    def register_default_hooks(self, hooks: dict | None = None) -> None:
        """As in MMEngine, with `DEFAULT_HOOKS`, of which a config may give settings without the type."""
        super().register_default_hooks(default_hooks(hooks))

    @staticmethod
    def build_dataloader(dataloader: DataLoader | dict, seed: int | None = None, diff_rank_seed: bool = False) -> DataLoader:
        """As in MMEngine; samples are batched by `multimodal_collate` unless the config says otherwise.

        ``collate_fn`` may be a bare name, which is all that mmdet's `DetInferencer` reads.
        """
        if isinstance(dataloader, dict):
            dataloader = copy.copy(dataloader)
            dataloader['dataset'] = resolve(dataloader['dataset'], registry.DATASETS)
            dataloader['sampler'] = resolve(dataloader['sampler'], registry.DATA_SAMPLERS)
            collate = dataloader.get('collate_fn', 'multimodal_collate')
            dataloader['collate_fn'] = resolve(dict(type=collate) if isinstance(collate, str) else collate, registry.FUNCTIONS)
            dataloader.setdefault('persistent_workers', dataloader.get('num_workers', 0) > 0)
            dataloader.setdefault('pin_memory', torch.cuda.is_available())  # or the host waits for every batch's copy
        loader = _Runner.build_dataloader(dataloader, seed, diff_rank_seed)
        loader.worker_init_fn = partial(begin_worker, loader.worker_init_fn)
        return loader

    def wrap_model(self, model_wrapper_cfg: dict | None, model: nn.Module) -> nn.Module:
        parallel = self.cfg.get('parallel') or PARALLEL[0]
        if parallel not in PARALLEL:
            raise ValueError(f'parallel is one of {", ".join(map(repr, PARALLEL))}, not {parallel!r}')
        if parallel == 'shard' and self.distributed:
            return model.to(get_device())  # sharded when training begins; testing needs all of it everywhere
        if self.distributed and model_wrapper_cfg is None and not torch.cuda.is_available():  # MMEngine would pass CUDA devices
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
        """As in MMEngine, but that a checkpoint takes the place of other files (`Checkpointer.before_init`)."""
        if is_sharded(self.model):  # they were initialised before
            return
        self.checkpointer.before_init()
        # MMEngine would log for each parameter that its initialisers left it alone.
        self.bare_model._dump_init_info = lambda: None
        super()._init_model_weights()
        del self.bare_model._dump_init_info

    @property
    def bare_model(self) -> nn.Module:
        """The model without DDP around it."""
        return unwrap(self.model)

    # Checkpoints: MMEngine calls the runner, which asks its `Checkpointer`.

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
        """`Checkpointer.save`. file_client_args, by_epoch and backend_args are of MMEngine's signature and unused."""
        self.checkpointer.save(Path(out_dir) / filename, save_optimizer, save_param_scheduler, meta)

    def load_checkpoint(self, filename: str, map_location: Any = 'cpu', strict: bool = True, revise_keys: Any = ()) -> dict:
        """`Checkpointer.load`. strict and revise_keys are of MMEngine's signature and unused."""
        return self.checkpointer.load(filename, map_location)

    def load_or_resume(self) -> None:
        self.checkpointer.load_or_resume()

    def resume(
        self,
        filename: str,
        resume_optimizer: bool = True,
        resume_param_scheduler: bool = True,
        map_location: Any = 'cpu',
    ) -> None:
        """`Checkpointer.resume`. resume_optimizer and resume_param_scheduler are of MMEngine's signature and unused."""
        self.checkpointer.resume(filename, map_location)


def build_runner(cfg: Config) -> Runner:
    """The runner of a config: ours unless ``runner_type`` names another."""
    if 'runner_type' in cfg:
        return registry.RUNNERS.build(cfg)
    return Runner.from_cfg(cfg)
