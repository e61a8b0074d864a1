"""The loss on the samples of validation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce, get_dist_info
from mmengine.hooks import Hook

from ...registry import HOOKS
from ...utils.wrappers import unwrap


@HOOKS.register_module()
class ValidationLoss(Hook):
    """Logs the losses over the validation set as ``val/<name of the loss>``, without dropout; mean over samples, of which each
    counts once: those that a sampler repeats, to give all processes as many, are left out.

    Of a loss that is itself a mean over a batch's tokens the batches' values are weighted by their samples, so that it depends
    a little on which samples share a batch. The pipeline of the validation set has to make targets, as that of the training set
    does.

    Args:
        tasks: whose losses, where the validation loop asks something else of the samples (pre-training validates by retrieval
            and logs masked-language modelling beside it); None: of the task that the samples are for.
    """

    def __init__(self, tasks: Sequence[str] | None = None) -> None:
        self.tasks = None if tasks is None else tuple(tasks)

    def before_val_epoch(self, runner: Any) -> None:
        self._sums: dict[str, torch.Tensor] = defaultdict(float)
        self._samples = 0

    @torch.no_grad()
    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        model = unwrap(runner.model)
        rank, world = get_dist_info()
        if world > 1:
            loader, rows = runner.val_dataloader, len(data_batch['data_samples'])
            own = len(range(rank, len(loader.dataset), world))  # the repeated ones come last
            if self._samples >= own:
                return
            if self._samples + rows > own:
                indices = list(loader.sampler)[self._samples : own]
                data_batch = loader.collate_fn([loader.dataset[index] for index in indices])
        data = model.data_preprocessor(data_batch)
        if self.tasks is not None:
            data['inputs'] = data['inputs'].replace(task=self.tasks)
        count = len(data['data_samples'])
        for name, loss in model(**data, mode='loss').items():
            self._sums[name] = self._sums[name] + loss.detach().float() * count
        self._samples += count

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        for name, total in self._sums.items():
            sums = torch.stack([total, torch.full_like(total, self._samples)])
            all_reduce(sums)
            runner.message_hub.update_scalar(f'val/{name}', float(sums[0] / sums[1]))
