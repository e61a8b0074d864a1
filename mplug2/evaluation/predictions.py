"""Predictions on disk, a sample a line, from which the metrics can be computed again.

A line has ``id``, ``prediction``, ``reference`` where the metrics know one, ``scores`` of the sample by itself, and ``input``,
all else that its data sample holds. The names inside are those of the data sample.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.structures import BaseDataElement
from torch import Tensor

from .base import Metric

_PREDICTED = 'pred_'  # what names of predictions begin with


def line_of(sample: dict, metrics: Sequence[BaseMetric]) -> str:
    """The line of a data sample with predictions.

    Args:
        metrics: those of the test; they say which fields are references, and what a sample scores.
    """
    ours = [metric for metric in metrics if isinstance(metric, Metric)]
    references = {name for metric in ours for name in metric.references}
    line: dict[str, Any] = dict(id=sample.get('sample_id', sample.get('img_id')), prediction={})
    scores: dict[str, float] = {}
    for metric in ours:
        scores |= metric.score_sample(sample)
    reference = {name: plain(sample[name]) for name in references & sample.keys() if sample[name] is not None}
    line |= {key: value for key, value in (('reference', reference), ('scores', scores), ('input', {})) if value}
    for name, value in sample.items():
        if name.startswith(_PREDICTED):
            line['prediction'][name] = plain(value)
        elif name not in references and name != 'sample_id':
            line.setdefault('input', {})[name] = plain(value)
    return json.dumps(line)


def line_of_query(record: dict) -> str:
    """The line of a query of a retrieval loop (`gallery.records_of`)."""
    return json.dumps(dict(id=record['query'], prediction=dict(best=record['best']), input=plain(record)))


def read_lines(path: str | Path) -> Iterator[dict]:
    """Data samples, as dicts, of a file of predictions; errors as of `read_scored`."""
    return (sample for sample, _ in read_scored(path))


def read_scored(path: str | Path) -> Iterator[tuple[dict, dict[str, float]]]:
    """Data samples, as dicts, of a file of predictions, each with its own scores.

    Raises:
        ValueError: a line is no prediction; says which.
    """
    with open(path, encoding='utf-8-sig') as file:
        for number, text in enumerate(file, 1):
            try:
                line = json.loads(text)
                parts = [line.get(part, {}) for part in ('input', 'prediction', 'reference')]
                sample = {'sample_id': line['id'], **parts[0], **parts[1], **parts[2]}
                if 'pred_instances' in sample:
                    sample['pred_instances'] = _instances(sample['pred_instances'])
                yield sample, line.get('scores', {})
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ValueError(f'{path}, line {number}: no prediction as mplug2 test --predictions writes them') from None


def plain(value: Any) -> Any:
    """Data for JSON; masks of objects as COCO's run lengths."""
    if isinstance(value, (BaseDataElement, dict)):
        return {str(name): encode_masks(item) if name == 'masks' else plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(item) for item in value]
    if isinstance(value, (Tensor, np.ndarray, np.generic)):
        return value.tolist()
    return value if value is None or isinstance(value, (bool, int, float, str)) else str(value)


def encode_masks(masks: Any) -> list[dict]:
    """Masks (N, H, W), as a tensor, an array or mmdet's own kind, in the form of COCO's result files."""
    from pycocotools.mask import encode

    masks = masks.cpu().numpy() if isinstance(masks, Tensor) else getattr(masks, 'masks', masks)
    encoded = [encode(np.asfortranarray(mask, np.uint8)) for mask in masks]
    return [dict(size=list(each['size']), counts=each['counts'].decode()) for each in encoded]


def _instances(content: dict) -> dict:
    """Predicted objects as metrics of mmdet read them."""
    boxes = torch.tensor(content['bboxes'], dtype=torch.float32).view(-1, 4)
    labels = torch.tensor(content['labels'], dtype=torch.long)
    return {**content, 'bboxes': boxes, 'scores': torch.tensor(content['scores']), 'labels': labels}
