"""The training loop: counted in steps, resumed exactly."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, get_world_size
from mmengine.runner import BaseLoop
from torch import Tensor, nn
from torch.utils.data import DataLoader

from ...registry import LOOPS
from ...tasks.base import Task
from ...utils.wrappers import unwrap
from ..resume_check import describe_stream

_VALIDATED = 'validated_iter'


def seed_step(seed: int, step: int, rank: int) -> None:
    """Make every random draw of a step a function of (seed, step, rank), so that a resumed run draws the same."""
    state = int(np.random.SeedSequence([seed, step, rank]).generate_state(1, np.uint64)[0]) >> 1
    random.seed(state)
    np.random.seed(state % 2**32)
    torch.manual_seed(state)


@LOOPS.register_module()
class TrainLoop(BaseLoop):
    """Trains for a number of steps over the endless stream of samples that `ResumableSampler` gives.

    Sample n of the stream and the random draws of step n depend on the seed and n alone. So a resumed run starts its
    sampler at the right sample at no cost and goes on as if it had never stopped, with any number of workers.

    Args:
        runner, dataloader: as in MMEngine. max_iters: steps to train. max_epochs: passes over the data, instead.
        val_interval: steps between validations; there is one at the end as well, and with 0 or -1 none at all.
        val_begin: the first step to validate after.
    """

    def __init__(
        self,
        runner: Any,
        dataloader: DataLoader | dict,
        max_iters: int | None = None,
        max_epochs: float | None = None,
        val_interval: int = 1000,
        val_begin: int = 1,
    ) -> None:
        super().__init__(runner, dataloader)
        if (max_iters is None) == (max_epochs is None):
            raise ValueError('train_cfg takes one of max_iters and max_epochs')
        self.steps_per_epoch = max(1, len(self.dataloader))
        self._max_iters = int(max_iters if max_iters is not None else max_epochs * self.steps_per_epoch)
        if max_epochs is not None and self._max_iters < 1:
            raise ValueError(
                f'train_cfg: max_epochs={max_epochs:g} of {self.steps_per_epoch} steps is no step: give at least '
                f'{1 / self.steps_per_epoch:.2g}, or max_iters'
            )
        self._iter = 0
        self._epoch = 0  # MMEngine's resume sets it; epochs are counted from steps here
        self.val_interval = val_interval
        self.val_begin = val_begin
        self.stop_training = False  # set by early-stopping hooks

    @property
    def max_iters(self) -> int:
        return self._max_iters

    @property
    def max_epochs(self) -> int:
        return -(-self._max_iters // self.steps_per_epoch)

    @property
    def iter(self) -> int:
        return self._iter

    @property
    def epoch(self) -> int:
        return self._iter // self.steps_per_epoch

    def run(self) -> nn.Module:
        """Train to the end.

        Raises:
            ValueError: processes read different data, of which they would take parts that overlap or do not belong together.
        """
        runner = self.runner
        streams = all_gather_object(describe_stream(self.dataloader, get_world_size()))
        other = next((rank for rank, stream in enumerate(streams) if stream != streams[0]), None)
        if other is not None:
            streams_differ = ' and '.join(f'process {rank} {streams[rank]}' for rank in (0, other))
            raise ValueError(f'{streams_differ} would train: put the data on storage where all machines see the same files')
        for task in self.tasks.values():
            task.before_train(self.dataloader.dataset)
        runner.call_hook('before_train')
        runner.call_hook('before_train_epoch')
        batches = self.batches()
        if self._iter and runner.message_hub.runtime_info.get(_VALIDATED) != self._iter:
            self._validate_if_due()  # the run was stopped between its checkpoint and its validation
        while self._iter < self._max_iters and not self.stop_training:
            runner.model.train()
            self._step(next(batches))
            self._validate_if_due()
        runner.call_hook('after_train_epoch')
        runner.call_hook('after_train')
        return runner.model

    @property
    def bare_model(self) -> nn.Module:
        return unwrap(self.runner.model)

    @property
    def tasks(self) -> Mapping[str, Task]:
        """The model's tasks by name; none of a detector."""
        return getattr(self.bare_model, 'tasks', {})

    def batches(self) -> Iterator[Any]:
        """What each step trains on, from the next step on."""
        sampler = self.dataloader.sampler
        sampler.seed = self.runner.seed
        sampler.start_position = self._iter * self.dataloader.batch_size
        return iter(self.dataloader)

    def _step(self, batch: Any) -> None:
        runner = self.runner
        seed_step(runner.seed, self._iter, runner.rank)
        runner.call_hook('before_train_iter', batch_idx=self._iter, data_batch=batch)
        outputs = self.optimize(batch)
        runner.call_hook('after_train_iter', batch_idx=self._iter, data_batch=batch, outputs=outputs)
        self._iter += 1

    def optimize(self, batch: Any) -> dict[str, Tensor]:
        """Change the weights; returns the scalars to log."""
        for task in self.tasks.values():
            task.begin_step(self.bare_model.network)
        return self.runner.model.train_step(batch, optim_wrapper=self.runner.optim_wrapper)

    def _validate_if_due(self) -> None:
        if self.runner.val_loop is None or self.val_interval < 1 or self._iter < self.val_begin:
            return
        due = self._iter % self.val_interval == 0 or self._iter == self._max_iters
        if not due or self.stop_training:
            return  # a run that is stopped here validates when it is resumed
        self.runner.message_hub.update_info(_VALIDATED, self._iter)
        self.runner.val_loop.run()
