import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mplug2.evaluation import GroundingMetric, box_iou

boxes = st.lists(st.integers(0, 20), min_size=4, max_size=4)


@pytest.mark.parametrize(
    ('first', 'second', 'iou'),
    [
        ((0, 0, 2, 2), (0, 0, 2, 2), 1),
        ((0, 0, 2, 2), (1, 0, 3, 2), 1 / 3),
        ((0, 0, 2, 2), (0, 0, 2, 1), 1 / 2),
        ((0, 0, 1, 1), (1, 0, 2, 1), 0),
        ((0, 0, 1, 1), (5, 5, 6, 6), 0),
        ((2, 2, 0, 0), (0, 0, 2, 2), 0),  # turned inside out
        ((1, 1, 1, 1), (1, 1, 1, 1), 0),
    ],
)
def test_iou_by_hand(first, second, iou):
    assert box_iou(first, second) == pytest.approx(iou)
    assert box_iou(torch.tensor(first), torch.tensor(second)) == pytest.approx(iou)


@settings(deadline=None)
@given(boxes, boxes)
def test_iou_is_symmetric_and_bounded(first, second):
    assert 0 <= box_iou(first, second) <= 1
    assert box_iou(first, second) == box_iou(second, first)


def test_accuracy_needs_more_than_one_half():
    samples = [
        dict(box=(0, 0, 2, 2), pred_box=(0, 0, 2, 2)),
        dict(box=(0, 0, 2, 2), pred_box=(0, 0, 2, 1)),
        dict(box=torch.tensor([0.0, 0, 2, 2]), pred_box=torch.tensor([0.0, 0, 2, 1.5])),
        dict(box=(0, 0, 2, 2), pred_box=None),
    ]
    metric = GroundingMetric()
    metric.process(None, samples)
    assert metric.evaluate(4) == pytest.approx({'accuracy@0.5': 50, 'mean_iou': (1 + 0.5 + 0.75 + 0) / 4})


def test_result_file(tmp_path):
    metric = GroundingMetric(out_file=str(tmp_path / 'boxes.json'))
    metric.process(None, [dict(sample_id=3, box=(0, 0, 1, 1), pred_box=(0, 0.5, 1, 1)), dict(box=(0, 0, 1, 1), pred_box=None)])
    metric.evaluate(2)
    assert json.loads((tmp_path / 'boxes.json').read_text()) == [
        dict(sent_id=3, box=[0, 0.5, 1, 1]),
        dict(sent_id=None, box=None),
    ]
