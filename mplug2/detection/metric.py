"""COCO's average precision, with and without categories."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmdet.datasets.api_wrappers import COCOeval
from mmdet.evaluation import CocoMetric as _CocoMetric

from ..registry import METRICS


@METRICS.register_module()
class CocoMetric(_CocoMetric):
    """mmdet's `CocoMetric`, right for files whose annotations count from 0.

    COCO's evaluation stores the id of the object that a prediction matches, and reads 0 as "none": the object with id 0 would
    count as missed. Such files are renumbered in memory.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if self._coco_api is not None and 0 in self._coco_api.anns:
            for number, annotation in enumerate(self._coco_api.dataset['annotations'], start=1):
                annotation['id'] = number
            self._coco_api.createIndex()


@METRICS.register_module()
class ClassAgnosticCocoMetric(CocoMetric):
    """`CocoMetric`, and beside its ``bbox_mAP`` and ``segm_mAP`` the precision with all categories as one.

    Metrics added, in percent, for each of `metric`: ``bbox_AP`` (mean over IoU .5 to .95), ``bbox_AP50``, ``bbox_AP75``.
    """

    default_prefix = None

    def compute_metrics(self, results: list) -> dict[str, float]:
        metrics = super().compute_metrics(results)
        if self.format_only:
            return metrics
        for kind in self.metrics:
            if kind in ('bbox', 'segm'):
                metrics.update(self._as_one(kind, [prediction for _, prediction in results]))
        return metrics

    def _as_one(self, kind: str, results: Sequence[dict]) -> dict[str, float]:
        names = (f'{kind}_AP', f'{kind}_AP50', f'{kind}_AP75')
        by_category = (f'{kind}_mAP', f'{kind}_mAP_50', f'{kind}_mAP_75')
        entries = [entry for result in results for entry in self._entries(kind, result)]
        if not entries:
            return dict.fromkeys((*names, *by_category), 0.0)  # mmdet's own are left out then, and a best checkpoint wants one
        evaluation = COCOeval(self._coco_api, self._coco_api.loadRes(entries), kind)
        evaluation.params.useCats = 0
        evaluation.params.imgIds = self.img_ids
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
        return {name: 100 * float(value) for name, value in zip(names, evaluation.stats[:3], strict=True)}

    def _entries(self, kind: str, result: dict) -> list[dict]:
        """An image's predictions as COCO's result files have them."""
        entries = []
        for place, (box, score) in enumerate(zip(result['bboxes'], result['scores'], strict=True)):
            entry = dict(image_id=result['img_id'], category_id=self.cat_ids[0], score=float(score))
            if kind == 'segm':
                entry['segmentation'] = result['masks'][place]
            else:
                entry['bbox'] = self.xyxy2xywh(box)
            entries.append(entry)
        return entries
