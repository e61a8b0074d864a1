"""The exponential moving average of the weights."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.hooks import Hook
from torch import Tensor

from ...checkpoints.errors import CheckpointError
from ...registry import HOOKS
from ...utils.dtensor import local_shard, shard_like


@HOOKS.register_module()
class AverageWeights(Hook):
    """Keeps an exponential moving average of the trained weights, and validates and tests with it.

    A checkpoint holds it as ``average`` beside the weights that training goes on from (``state_dict``).

    Args:
        momentum: how much of the average stays at a step. The first steps use less, (1 + n) / (10 + n), so that the initial
            weights are soon forgotten.
    """

    priority = 'HIGH'  # the weights are back before a checkpoint is written

    def __init__(self, momentum: float = 0.9999) -> None:
        if not 0 < momentum < 1:
            raise ValueError(f'AverageWeights: momentum is between 0 and 1, not {momentum}')
        self.momentum = momentum
        self.average: dict[str, Tensor] = {}
        self._loaded: dict[str, Tensor] | None = None
        self._training = False
        self._weights_alone = False

    def after_load_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        self._loaded = checkpoint.get('average')
        self._weights_alone = 'state_dict' not in checkpoint

    def before_train(self, runner: Any) -> None:
        own = self._weights(runner)
        if self._loaded is None or not runner.iter:  # a new run, if from loaded weights
            self.average = {name: weight.detach().clone() for name, weight in own.items()}
        else:
            self.average = {
                name: shard_like(self._loaded[name], weight).to(weight.device).clone() for name, weight in own.items()
            }
        self._loaded = None
        self._training = True

    @staticmethod
    def _weights(runner: Any) -> dict[str, Tensor]:
        return {name: weight for name, weight in runner.bare_model.named_parameters() if weight.requires_grad}

    @torch.no_grad()
    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None) -> None:
        if not runner.optim_wrapper.should_update():
            return  # gradients are accumulated: the weights have not moved
        step = runner.iter + 1
        momentum = min(self.momentum, (1 + step) / (10 + step))
        own = self._weights(runner)
        torch._foreach_lerp_(
            [local_shard(average) for average in self.average.values()],
            [local_shard(own[name]) for name in self.average],
            1 - momentum,
        )

    @torch.no_grad()
    def _swap(self, runner: Any) -> None:
        own = self._weights(runner)
        for name, average in self.average.items():
            ours, theirs = local_shard(own[name]), local_shard(average)
            kept = ours.clone()
            ours.copy_(theirs)
            theirs.copy_(kept)

    def before_val(self, runner: Any) -> None:
        if self._training:
            self._swap(runner)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        if self._training:
            self._swap(runner)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict) -> None:
        checkpoint['average'] = self.average  # the runner gathers it, or writes each process's part of it

    def before_test(self, runner: Any) -> None:
        """The average was loaded, as it is wherever a checkpoint is not to be trained further (`read_state`)."""
        if self._weights_alone:
            runner.logger.info('the file holds weights alone: they are tested, averaged or not')
        elif self._loaded is None:
            raise CheckpointError('the config tests averaged weights (AverageWeights), and the checkpoint has none')
