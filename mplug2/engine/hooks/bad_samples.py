"""What all processes of a run found bad: each logs its own samples, but of those logs only the first process's is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from ...datasets.sampling.mixture import datasets_of
from ...registry import HOOKS


@HOOKS.register_module()
class BadSampleCount(Hook):
    """Reports how many bad samples several processes met so far, by source; a sample that two of them met counts twice.

    Args:
        interval: steps between counts; there is one as well at the end of training and of every validation and test.
    """

    def __init__(self, interval: int = 100) -> None:
        self.interval = interval
        self._reported: dict[str, list[int]] = {}

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None) -> None:
        if self.every_n_train_iters(runner, self.interval):
            self._report(runner, 'training', runner.train_dataloader)

    def after_train(self, runner: Any) -> None:
        self._report(runner, 'training', runner.train_dataloader)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        self._report(runner, 'validation', runner.val_dataloader)

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        self._report(runner, 'the test', runner.test_dataloader)

    def _report(self, runner: Any, what: str, loader: DataLoader) -> None:
        sources = _sources(loader.dataset)
        if get_world_size() == 1 or not sources:
            return
        counts = torch.tensor([dataset.bad_samples.count for _, dataset in sources], device=get_device())
        all_reduce(counts)
        totals = counts.tolist()
        if totals == self._reported.get(what, [0] * len(totals)):
            return
        self._reported[what] = totals
        listed = ', '.join(f'{name}{count}' for (name, _), count in zip(sources, totals, strict=True) if count)
        runner.logger.warning(f'bad samples in {what}, found by {get_world_size()} processes so far: {listed}')


def _sources(dataset: Any) -> Sequence[tuple[str, Any]]:
    """What a line calls the data sets that have a bad-sample policy, and these."""
    parts = datasets_of(dataset).items()
    return [(name and f'{name} ', part) for name, part in parts if hasattr(part, 'bad_samples')]
