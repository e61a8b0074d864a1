"""ROUGE of summaries, by Google's ``rouge-score``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..registry import METRICS
from .base import Metric, field, percent

_NAMES = {'rouge1': 'ROUGE-1', 'rouge2': 'ROUGE-2', 'rougeL': 'ROUGE-L'}


@METRICS.register_module()
class RougeMetric(Metric):
    """``ROUGE-1``, ``ROUGE-2`` and ``ROUGE-L``: F1 in percent, words stemmed, the best of a sample's references.

    (The ``ROUGE-L`` of captions is another one: see `rouge_l`.) Reads ``summaries`` (one or more) and ``pred_summary``.

    Args:
        stem: reduce words to their stems, as the published figures do.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.

    Raises:
        ImportError: ``rouge-score`` is not installed.
    """

    def __init__(self, stem: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        try:
            from rouge_score.rouge_scorer import RougeScorer
        except ImportError as error:
            raise ImportError('RougeMetric needs the package rouge-score: pip install rouge-score') from error
        self.scorer = RougeScorer(list(_NAMES), use_stemmer=stem)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            references = list(field(sample, 'summaries', self))
            if not references:
                raise ValueError(f'RougeMetric: sample {sample.get("sample_id")!r} has no reference in its summaries')
            scores = [self.scorer.score(reference, field(sample, 'pred_summary', self)) for reference in references]
            self.results.append({name: max(score[key].fmeasure for score in scores) for key, name in _NAMES.items()})

    def compute_metrics(self, results: list) -> dict[str, float]:
        return {name: percent([scores[name] for scores in results]) for name in _NAMES.values()}
