"""The loop of pre-training: steps over many sources, each with tasks of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from typing import Any

import torch
from mmengine.dist import all_reduce, all_reduce_params, get_world_size
from torch import Tensor
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from ...datasets.sampling.mixture import InterleavedSources, InterleavingSampler
from ...registry import LOOPS
from .train import TrainLoop

BUCKET_MIB = 64  # of gradients that are exchanged together


@LOOPS.register_module()
class PretrainLoop(TrainLoop):
    """Trains for a number of steps over the batches of `InterleavedSources`, one or more a step (`InterleavingSampler`).

    Gradients of a step's batches are summed; so are their losses, each task's with its weight. The scalars of a task are logged
    as ``source/task/name``, without weight, mean over the step's batches of the source and over the processes. Under data
    parallelism a source need not touch every parameter: the processes accumulate without DDP's reducer, which waits for all of
    them, and exchange the gradients that there are once a step. All processes are at the same source at the same time, so
    these are the same everywhere.

    Args:
        runner, dataloader: as in MMEngine; the loader of `InterleavedSources`. max_iters: steps to train.
        val_interval, val_begin: as in `TrainLoop`.

    Raises:
        TypeError: the loader is none of `InterleavedSources`. KeyError: a source or weight is for a task that the model lacks.
        ValueError: gradients are to be accumulated over steps.
    """

    def __init__(
        self, runner: Any, dataloader: DataLoader | dict, max_iters: int, val_interval: int = 1000, val_begin: int = 1
    ) -> None:
        super().__init__(runner, dataloader, max_iters, val_interval=val_interval, val_begin=val_begin)
        dataset, sampler = self.dataloader.dataset, self.dataloader.sampler
        if not isinstance(dataset, InterleavedSources) or not isinstance(sampler, InterleavingSampler):
            raise TypeError(
                'PretrainLoop needs train_dataloader=dict(batch_size=None, dataset=dict(type=InterleavedSources, ...), '
                'sampler=dict(type=InterleavingSampler, ...), collate_fn=dict(type=source_collate)); the data set is '
                f'{type(dataset).__name__} and the sampler {type(sampler).__name__}'
            )
        self.model = self.bare_model
        for what, tasks in (('sources', dataset.tasks), ('weights', set(dataset.weights))):
            unknown = sorted(tasks - set(self.model.tasks))
            if unknown:
                raise KeyError(f'{what} are for {", ".join(unknown)}; the tasks of the model are {", ".join(self.model.tasks)}')
        self.steps_per_epoch = max(1, len(self.dataloader) // sampler.batches_per_step)
        counts = (runner.cfg.get('optim_wrapper') or {}).get('accumulative_counts', 1)  # none in a benchmark of steps
        if counts != 1:
            raise ValueError(
                f'PretrainLoop takes several batches a step by train_dataloader.sampler.batches_per_step, not by '
                f'optim_wrapper.accumulative_counts, which is {counts}'
            )

    def batches(self) -> Iterator[list[dict]]:
        sampler = self.dataloader.sampler
        sampler.seed = self.runner.seed
        sampler.start_position = self._iter * sampler.batches_per_step
        batches = iter(self.dataloader)
        while True:
            yield [next(batches) for _ in range(sampler.batches_per_step)]

    def optimize(self, batches: list[dict]) -> dict[str, Tensor]:
        runner, wrapper = self.runner, self.runner.optim_wrapper
        reducing = isinstance(runner.model, DistributedDataParallel)
        for name in dict.fromkeys(name for batch in batches for name in batch['weights']):
            self.model.tasks[name].begin_step(self.model.network)
        scalars: dict[str, list[Tensor]] = {}
        total = 0.0
        with runner.model.no_sync() if reducing else nullcontext():
            for batch in batches:
                loss, outputs = self._losses(batch)
                wrapper.backward(loss)
                total = total + loss.detach()
                for name, value in outputs.items():
                    scalars.setdefault(name, []).append(value.float())
        if reducing:
            gradients = [p.grad for p in self.model.parameters() if p.grad is not None]
            all_reduce_params(gradients, bucket_size_mb=BUCKET_MIB, op='mean')
        wrapper.step()
        wrapper.zero_grad()
        means = {name: torch.stack(values).mean() for name, values in scalars.items()}
        return self._mean_over_processes({'loss': total, **means})

    @staticmethod
    def _mean_over_processes(scalars: dict[str, Tensor]) -> dict[str, Tensor]:
        """All processes have the same names, in the same order: they are at the same source."""
        if get_world_size() == 1:
            return scalars
        values = torch.stack(list(scalars.values()))
        all_reduce(values, 'mean')
        return dict(zip(scalars, values, strict=True))

    def _losses(self, batch: dict) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of a batch's losses, and its scalars, unweighted, by the names that they are logged under."""
        source, weights = batch['source'], batch['weights']
        inputs = batch['inputs'] | dict(task=tuple(weights))
        with self.runner.optim_wrapper.optim_context(self.runner.model):
            data = self.model.data_preprocessor(dict(inputs=inputs, data_samples=batch['data_samples']), training=True)
            outputs = self.runner.model(**data, mode='loss')
        loss = sum(
            weights[task] * value
            for task, name, value in ((*key.split('/', 1), value) for key, value in outputs.items())
            if 'loss' in name
        )
        return loss, {f'{source}/{key}': value.detach() for key, value in outputs.items()}
