"""What CIDEr optimisation needs of the training data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmengine.hooks import Hook

from ...registry import HOOKS
from ...tasks.self_critical import SelfCriticalCaptioning
from ...utils.wrappers import unwrap


@HOOKS.register_module()
class CaptionReward(Hook):
    """Before training, gives the captions of the whole training set to `SelfCriticalCaptioning`, for document frequencies."""

    def before_train(self, runner: Any) -> None:
        model = unwrap(runner.model)
        tasks = [task for task in model.tasks.values() if isinstance(task, SelfCriticalCaptioning)]
        if not tasks:
            raise ValueError('CaptionReward: the model has no task SelfCriticalCaptioning')
        dataset = runner.train_dataloader.dataset

        def captions() -> Iterator[list[str]]:
            for index in range(len(dataset)):
                yield dataset.record(index)['captions']

        for task in tasks:
            task.reference(captions())
        runner.logger.info(f'CaptionReward: document frequencies of the captions of {len(dataset)} training samples')
