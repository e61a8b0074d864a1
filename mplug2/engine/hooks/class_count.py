"""Classes of the data held against those of the heads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from mmengine.hooks import Hook

from ...datasets.sampling.mixture import datasets_of
from ...registry import HOOKS
from ...utils.wrappers import unwrap


@HOOKS.register_module()
class ClassCount(Hook):
    """Refuses heads whose ``num_classes`` is unlike the classes of the data, before anything is trained or tested.

    A data set that names its classes (``metainfo['classes']``) has to have as many as the head. Of one that only has numbers
    the largest label has to be below; classes that no sample has are logged. Labels that mirrored clips swap
    (`mplug2.datasets.transforms.ActionPipeline`) have to be labels of the data, by name where the data name theirs.

    Raises:
        ValueError: they differ; names the head, or the labels that are swapped, and the data.
    """

    def before_train(self, runner: Any) -> None:
        self._check(runner, runner.train_dataloader.dataset)
        if runner.val_loop is not None:
            self._check(runner, runner.val_dataloader.dataset)

    def before_test(self, runner: Any) -> None:
        self._check(runner, runner.test_dataloader.dataset)

    def _check(self, runner: Any, dataset: Any) -> None:
        heads = list(_heads(unwrap(runner.model)))
        if len({count for _, count in heads}) != 1:  # none, or of several tasks, each with data of its own
            return
        name, count = heads[0]
        for source in datasets_of(dataset).values():
            names = getattr(source, 'metainfo', {}).get('classes')
            labels = getattr(source, 'num_labels', None)
            where = getattr(source, 'source', type(source).__name__)
            if names is not None and len(names) != count:
                raise ValueError(
                    f'{name} has num_classes={count}, and {where} has {len(names)} classes: set num_classes={len(names)}'
                )
            if labels is not None and labels > count:
                raise ValueError(
                    f'{name} has num_classes={count}, and {where} has the label {labels - 1}: set num_classes to the number of '
                    'classes, which are counted from 0'
                )
            if labels is not None and labels < count:
                runner.logger.info(f'{name} has num_classes={count}, and {where} has no label above {labels - 1}')
            for step in getattr(source, 'transforms', ()):
                if swapped := getattr(step, 'swapped_labels', None):
                    _check_swapped(swapped, step.classes, names, count, where)


def _check_swapped(labels: list[int], classes: list[str] | None, names: Sequence[str] | None, count: int, where: str) -> None:
    beyond = [label for label in labels if label >= count]
    if beyond:
        raise ValueError(f'flip_label_map swaps the labels {beyond}, which are none of the {count} classes of {where}')
    if names is not None and classes is None:
        raise ValueError(
            f'flip_label_map swaps the labels {labels} by number, and {where} names its classes: give '
            "ActionPipeline's classes, the names that the map was made for"
        )
    if names is not None and list(names) != classes:
        others = sorted({*names} ^ {*classes}) or list(names)
        raise ValueError(
            f'flip_label_map swaps labels of other classes than those of {where}, which differ in {others[:6]}: give '
            "ActionPipeline's classes as the data have them"
        )


def _heads(model: Any) -> Iterator[tuple[str, int]]:
    """Modules that classify, with their classes; mmdet's region proposals know objects only."""
    for name, module in model.named_modules():
        count = getattr(module, 'num_classes', None)
        if isinstance(count, int) and not name.endswith('rpn_head'):
            yield name or type(module).__name__, count
