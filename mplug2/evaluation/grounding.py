"""Visual grounding: accuracy at an overlap of one half."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..registry import METRICS
from .base import Metric, field, mean, percent, write_json

Box = Sequence[float]


def box_iou(first: Box, second: Box) -> float:
    """Intersection over union of two boxes (x1, y1, x2, y2), in any one unit; 0 where both are empty."""

    def area(x1: float, y1: float, x2: float, y2: float) -> float:
        return max(0.0, x2 - x1) * max(0.0, y2 - y1)

    first, second = [float(side) for side in first], [float(side) for side in second]
    low = [max(a, b) for a, b in zip(first[:2], second[:2], strict=True)]
    high = [min(a, b) for a, b in zip(first[2:], second[2:], strict=True)]
    common = area(*low, *high)
    union = area(*first) + area(*second) - common
    return common / union if union > 0 else 0.0


@METRICS.register_module()
class GroundingMetric(Metric):
    """``accuracy@0.5``, the share in percent of boxes whose overlap with the right one exceeds 0.5, and ``mean_iou``.

    An overlap of exactly 0.5 is wrong: a prediction is right "if the IoU ... is larger than 0.5" (Table 7). Published code of
    referring expressions is not uniform; some counts 0.5 as right.

    Reads ``box`` and ``pred_box``, both (x1, y1, x2, y2) in the same unit; a ``pred_box`` of None (the text that was
    generated holds no box) is wrong.

    Args:
        threshold: the overlap that a box has to exceed. out_file: write ``[{"sent_id", "box"}]`` here, by the samples'
            ``sample_id``; boxes are in the unit of ``pred_box``, None where there is none.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    references = ('box',)
    per_sample = True

    def __init__(self, threshold: float = 0.5, out_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.threshold = threshold
        self.result_names = (f'accuracy@{threshold:g}', 'mean_iou')
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            predicted, box = field(sample, 'pred_box', self), field(sample, 'box', self)
            iou = 0.0 if predicted is None else box_iou(predicted, box)
            record = dict(sent_id=sample.get('sample_id'), box=None if predicted is None else [float(x) for x in predicted])
            self.results.append((iou, record))

    def compute_metrics(self, results: list) -> dict[str, float]:
        if self.out_file is not None:
            write_json([record for _, record in results], self.out_file)
        overlaps = [iou for iou, _ in results]
        return {
            f'accuracy@{self.threshold:g}': percent([iou > self.threshold for iou in overlaps]),
            'mean_iou': mean(overlaps),
        }
