"""Metrics of text classification (GLUE)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..registry import METRICS
from .base import Metric, field, percent


def _confusion(predicted: Sequence[int], labels: Sequence[int]) -> tuple[int, int, int, int]:
    """True positives, false positives, false negatives, true negatives of labels 0 and 1."""
    pairs = [(int(said), int(label)) for said, label in zip(predicted, labels, strict=True)]
    return pairs.count((1, 1)), pairs.count((1, 0)), pairs.count((0, 1)), pairs.count((0, 0))


def accuracy(predicted: Sequence[int], labels: Sequence[int]) -> float:
    """Share of right labels, in percent."""
    return percent([said == label for said, label in zip(predicted, labels, strict=True)])


def f1(predicted: Sequence[int], labels: Sequence[int]) -> float:
    """F1 of label 1 among labels 0 and 1, in percent; 0 where nothing is 1."""
    tp, fp, fn, _ = _confusion(predicted, labels)
    return 100.0 * 2 * tp / (2 * tp + fp + fn) if tp else 0.0


def matthews(predicted: Sequence[int], labels: Sequence[int]) -> float:
    """Matthews correlation of labels 0 and 1, in percent (-100 to 100); 0 where a row or column is empty."""
    tp, fp, fn, tn = _confusion(predicted, labels)
    scale = math.sqrt((tp + fp) * (tp + fn) * (tn + fp) * (tn + fn))
    return 100.0 * (tp * tn - fp * fn) / scale if scale else 0.0


_SCORES = {'accuracy': accuracy, 'F1': f1, 'Matthews': matthews}
_OF_TASK = {
    'cola': ['Matthews'],
    'sst2': ['accuracy'],
    'mrpc': ['accuracy', 'F1'],
    'qqp': ['accuracy', 'F1'],
    'mnli': ['accuracy'],
    'qnli': ['accuracy'],
    'rte': ['accuracy'],
}


@METRICS.register_module()
class GLUEMetric(Metric):
    """The scores that GLUE defines for a task, in percent: ``accuracy``, ``F1`` (of paraphrases), ``Matthews``.

    Reads ``label`` and ``pred_label``, integers.

    Args:
        task: 'cola', 'sst2', 'mrpc', 'qqp', 'mnli', 'qnli' or 'rte'.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    def __init__(self, task: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if task not in _OF_TASK:
            raise ValueError(f'GLUEMetric: task is one of {", ".join(_OF_TASK)}, not {task!r}')
        self.task = task

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            self.results.append((int(field(sample, 'pred_label', self)), int(field(sample, 'label', self))))

    def compute_metrics(self, results: list) -> dict[str, float]:
        predicted, labels = [said for said, _ in results], [label for _, label in results]
        return {name: _SCORES[name](predicted, labels) for name in _OF_TASK[self.task]}
