"""Metrics of text classification (GLUE)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..registry import METRICS
from .base import Metric, field, percent, write_table


def accuracy(predicted: Sequence[int], labels: Sequence[int]) -> float:
    """Accuracy in percent."""
    return percent([prediction == label for prediction, label in zip(predicted, labels, strict=True)])


def f1(predicted: Sequence[int], labels: Sequence[int]) -> float:
    """F1 of label 1 among labels 0 and 1, in percent; 0 where nothing is 1."""
    pairs = [(int(prediction), int(label)) for prediction, label in zip(predicted, labels, strict=True)]
    hits = pairs.count((1, 1))
    return 100.0 * 2 * hits / (2 * hits + pairs.count((1, 0)) + pairs.count((0, 1))) if hits else 0.0


_SUFFIX = {None: '', 'matched': '-m', 'mismatched': '-mm'}
_SCORES = {'accuracy': accuracy, 'F1': f1}
_OF_TASK = {
    None: ['accuracy'],
    'sst2': ['accuracy'],
    'mrpc': ['accuracy', 'F1'],
    'qqp': ['accuracy', 'F1'],
    'mnli': ['accuracy'],
    'qnli': ['accuracy'],
    'rte': ['accuracy'],
}


@METRICS.register_module()
class GLUEMetric(Metric):
    """The scores that GLUE defines for a task, in percent: ``accuracy``, ``F1`` (of paraphrases); and
    ``accuracy/<subset>`` where samples carry ``subset`` (MNLI's matched and mismatched).

    Reads ``pred_label`` and ``label``, integers, and for the submission ``index``. Samples of a test split, with None for a
    label, are written but not scored.

    Args:
        task: 'sst2', 'mrpc', 'qqp', 'mnli', 'qnli' or 'rte'; None of other data, whose accuracy is measured.
        out_file: write the submission, a table of ``index`` and ``prediction`` under the benchmark's names of the labels (the
            ``classes`` of the data set), here; for MNLI, ``MNLI.tsv`` becomes ``MNLI-m.tsv`` and ``MNLI-mm.tsv``.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    references = ('label',)

    def __init__(self, task: str | None = None, out_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if task not in _OF_TASK:
            raise ValueError(f'GLUEMetric: task is None or one of {", ".join(filter(None, _OF_TASK))}, not {task!r}')
        self.task, self.out_file = task, out_file
        self.result_names = (*_OF_TASK[task], 'accuracy/*')

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            label = field(sample, 'label', self)
            if label is None and self.out_file is None:
                raise ValueError(
                    f'GLUEMetric: sample {sample.get("sample_id")!r} has no label to score; for a test split give out_file'
                )
            index = field(sample, 'index', self) if self.out_file is not None else None
            prediction = int(field(sample, 'pred_label', self))
            self.results.append((prediction, None if label is None else int(label), sample.get('subset'), index))

    def compute_metrics(self, results: list) -> dict[str, float]:
        if self.out_file is not None:
            self._write(results, Path(self.out_file))
        scored = [(prediction, label, subset) for prediction, label, subset, _ in results if label is not None]
        if not scored:
            return {}
        predicted, labels = [prediction for prediction, *_ in scored], [label for _, label, _ in scored]
        metrics = {name: _SCORES[name](predicted, labels) for name in _OF_TASK[self.task]}
        for subset in sorted({subset for *_, subset in scored if subset is not None}):
            members = [(prediction, label) for prediction, label, own in scored if own == subset]
            metrics[f'accuracy/{subset}'] = accuracy(*zip(*members, strict=True))
        return metrics

    def _write(self, results: list, path: Path) -> None:
        classes = (self.dataset_meta or {}).get('classes')
        if classes is None:
            raise ValueError(
                f'GLUEMetric: {path} needs the names of the labels, and the data set has no classes in its metainfo'
            )
        for subset in sorted({subset for *_, subset, _ in results}, key=str):
            rows = [(index, classes[prediction]) for prediction, _, own, index in results if own == subset]
            write_table(('index', 'prediction'), sorted(rows), path.with_stem(path.stem + _SUFFIX[subset]))
