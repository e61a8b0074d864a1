"""Retrieval: ranks of the right items and recall at k, in both directions.

Letters: Q queries, N items to choose from.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from ..registry import METRICS
from .base import Metric, field, write_json


def ranks_of_relevant(similarity: Tensor, relevant: Sequence[Iterable[int]], rows: int = 1024) -> Tensor:
    """The rank of each query's best ranked relevant item, (Q,) long, from 1.

    An item that is not relevant and has an equal score comes first, so that a model which scores everything alike is not
    taken for a perfect one.

    Args:
        similarity: (Q, N). relevant: for each query, the indices of the items that are right. rows: queries at a time.

    Raises:
        ValueError: a query without a relevant item, a wrong number of queries, or a score that is not a number.
    """
    if len(relevant) != len(similarity):
        raise ValueError(f'{len(similarity)} rows of similarity, but relevant items of {len(relevant)} queries')
    ranks = []
    for start in range(0, len(similarity), rows):
        scores = similarity[start : start + rows]
        if scores.isnan().any():
            raise ValueError('the similarity holds scores that are not numbers')
        right = torch.zeros_like(scores, dtype=torch.bool)
        for row, items in enumerate(relevant[start : start + rows]):
            indices = list(items)
            if not indices:
                raise ValueError(f'query {start + row} has no relevant item')
            right[row, indices] = True
        best = scores.masked_fill(~right, -torch.inf).amax(1, keepdim=True)
        ranks.append(((scores >= best) & ~right).sum(1) + 1)
    return torch.cat(ranks) if ranks else torch.zeros(0, dtype=torch.long)


def recall_at_k(ranks: Tensor, ks: Sequence[int] = (1, 5, 10)) -> dict[str, float]:
    """``R@k`` in percent, their mean ``R@mean``, and the median (``MedR``) and mean (``MnR``) rank, from ranks (Q,)."""
    recalls = {f'R@{k}': 100.0 * (ranks <= k).double().mean().item() for k in ks}
    return recalls | {
        'R@mean': sum(recalls.values()) / len(recalls),
        'MedR': ranks.double().quantile(0.5).item(),
        'MnR': ranks.double().mean().item(),
    }


@METRICS.register_module()
class RetrievalMetric(Metric):
    """Recall at 1, 5 and 10 in percent, and the median and mean rank, each way.

    Results: ``text_to_image_R@1``, ``image_to_text_R@1``, ... (``video`` for clips), their mean ``R@mean``, and the same under
    ``dual_`` before re-ranking. A query is right as soon as one of its relevant items is within the first k.

    Reads a record a query, as the retrieval loops give them: ``direction``, ``rank``, ``dual_rank``, and for the file
    ``query`` and ``best``.

    Args:
        out_file: write ``{direction: [{"query", "best"}]}`` here, the first ten of every query.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    result_names = ('*R@mean', '*_R@1', '*_R@5', '*_R@10', '*_MedR', '*_MnR')

    def __init__(self, out_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        keys = ('direction', 'rank', 'dual_rank', *(() if self.out_file is None else ('query', 'best')))
        for sample in data_samples:
            self.results.append(tuple(field(sample, key, self) for key in keys))

    def compute_metrics(self, results: list) -> dict[str, float]:
        metrics = {}
        directions = list(dict.fromkeys(direction for direction, *_ in results))
        for place, start in ((1, ''), (2, 'dual_')):
            means = []
            for direction in directions:
                found = recall_at_k(torch.tensor([record[place] for record in results if record[0] == direction]))
                metrics |= {f'{start}{direction}_{key}': value for key, value in found.items()}
                means.append(found['R@mean'])
            metrics[f'{start}R@mean'] = sum(means) / len(means)
        if self.out_file is not None:
            files = {name: [dict(query=r[3], best=r[4]) for r in results if r[0] == name] for name in directions}
            write_json(files, self.out_file)
        return metrics
