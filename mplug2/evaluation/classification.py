"""Accuracy of image and video classification. K classes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import torch

from ..registry import METRICS
from .base import Metric, field, mean, percent


@METRICS.register_module()
class ClassificationMetric(Metric):
    """Share of samples, in percent, with a right class first (``top1``) and among the first five (``top5``).

    Reads ``pred_score`` (K,), and ``labels``, the right ones, or ``label``. Where the data set's meta information has
    ``candidates`` for a sample's ``variant``, the other classes are not chosen from (ImageNet-A and -R).

    Args:
        topk: the ks. collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    references = ('labels', 'label')
    per_sample = True

    def __init__(self, topk: Sequence[int] = (1, 5), **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.topk = tuple(topk)
        self.result_names = tuple(f'top{k}' for k in topk)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        candidates = (self.dataset_meta or {}).get('candidates', {})
        for sample in data_samples:
            scores = torch.as_tensor(field(sample, 'pred_score', self)).float()
            right = sample['labels'] if 'labels' in sample else [field(sample, 'label', self)]
            variant = sample.get('variant')
            if variant in candidates:
                allowed = torch.zeros_like(scores, dtype=torch.bool)
                allowed[candidates[variant]] = True
                scores = scores.masked_fill(~allowed, -torch.inf)
            best = scores.topk(min(max(self.topk), len(scores))).indices.tolist()
            hits = tuple(float(not set(best[:k]).isdisjoint(right)) for k in self.topk)
            self.results.append((variant, hits))

    def compute_metrics(self, results: list) -> dict[str, float]:
        return {f'top{k}': percent([hits[place] for _, hits in results]) for place, k in enumerate(self.topk)}


@METRICS.register_module()
class RobustnessMetric(ClassificationMetric):
    """Robustness as in Table 13: ``top1/<variant>``, their mean ``average``, and ``gap``, how far it lies below the reference.

    The reference is one of the variants and counts in the average, as in the paper. Reads what `ClassificationMetric` reads,
    and ``variant``.

    Args:
        reference: name of a variant. collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    per_sample = False

    def __init__(self, reference: str = 'IN-1K', **kwargs: Any) -> None:
        super().__init__(topk=(1,), **kwargs)
        self.result_names = ('top1/*', 'average', 'gap')
        self.reference = reference

    def compute_metrics(self, results: list) -> dict[str, float]:
        hits: dict[str, list[float]] = defaultdict(list)
        for variant, (hit,) in results:
            hits[variant].append(hit)
        if self.reference not in hits:
            raise KeyError(f'RobustnessMetric: no sample of {self.reference!r}; there are {", ".join(map(str, hits))}')
        scores = {variant: percent(found) for variant, found in hits.items()}
        average = mean(list(scores.values()))
        return {f'top1/{variant}': score for variant, score in scores.items()} | {
            'average': average,
            'gap': scores[self.reference] - average,
        }
