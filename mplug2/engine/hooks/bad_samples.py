"""What all processes of a run found bad: each logs its own samples, but of those logs only the first process's is kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from ...datasets.sampling.mixture import InterleavedSources
from ...registry import HOOKS


@HOOKS.register_module()
class BadSampleCount(Hook):
    """Tells how many bad samples several processes found so far, by source; a sample that two of them met counts twice.

    Args:
        interval: steps between counts; there is one as well at the end of training and of every validation and test.
    """

    def __init__(self, interval: int = 100) -> None:
        self.interval = interval
        self._told: dict[str, list[int]] = {}

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: dict | None = None) -> None:
        if self.every_n_train_iters(runner, self.interval):
            self._tell(runner, 'training', runner.train_dataloader)

    def after_train(self, runner: Any) -> None:
        self._tell(runner, 'training', runner.train_dataloader)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        self._tell(runner, 'validation', runner.val_dataloader)

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        self._tell(runner, 'the test', runner.test_dataloader)

    def _tell(self, runner: Any, what: str, loader: DataLoader) -> None:
        sources = _sources(loader.dataset)
        if get_world_size() == 1 or not sources:
            return
        counts = torch.tensor([dataset.bad_samples.count for _, dataset in sources], device=get_device())
        all_reduce(counts)
        found = counts.tolist()
        if found == self._told.get(what, [0] * len(found)):
            return
        self._told[what] = found
        told = ', '.join(f'{name}{count}' for (name, _), count in zip(sources, found, strict=True) if count)
        runner.logger.warning(f'bad samples in {what}, found by {get_world_size()} processes so far: {told}')


def _sources(dataset: Any) -> Sequence[tuple[str, Any]]:
    """What a line calls the data sets that have a bad-sample policy, and these."""
    if isinstance(dataset, InterleavedSources):
        found = [(f'{name} ', source.dataset) for name, source in dataset.sources.items()]
    else:
        found = [('', dataset)]
    return [(name, one) for name, one in found if hasattr(one, 'bad_samples')]
