"""Average precision with all categories as one, against hand-worked cases."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.structures import InstanceData
from PIL import Image

from mplug2.datasets.io.bad_samples import AnnotationError
from mplug2.datasets.sampling.sampler import StreamIndex
from mplug2.detection import (
    ClassAgnosticCocoMetric,
    CocoDetection,
    LoadPixels,
)  # before mmdet's transforms, for mmcv's operators
from mplug2.evaluation.predictions import line_of, read_lines

BOXES = [(10, 10, 30, 20), (50, 40, 20, 30)]


@pytest.fixture
def annotations(tmp_path):
    content = dict(
        info={},
        images=[dict(id=1, width=100, height=100, file_name='1.jpg')],
        categories=[dict(id=3, name='one'), dict(id=7, name='two')],
        annotations=[
            dict(
                id=number + 1,
                image_id=1,
                category_id=(3, 7)[number],
                bbox=box,
                area=box[2] * box[3],
                iscrowd=0,
                segmentation=[[x, y, x + w, y, x + w, y + h, x, y + h]],
            )
            for number, box in enumerate(BOXES)
            for x, y, w, h in [box]
        ],
    )
    file = tmp_path / 'instances.json'
    file.write_text(json.dumps(content))
    return str(file)


def predicted(labels: list[int], boxes: list[tuple]) -> dict:
    masks = torch.zeros(len(boxes), 100, 100, dtype=torch.bool)
    for mask, (x, y, w, h) in zip(masks, boxes, strict=True):
        mask[y : y + h, x : x + w] = True
    corners = torch.tensor([(x, y, x + w, y + h) for x, y, w, h in boxes], dtype=torch.float32).view(-1, 4)
    found = InstanceData(bboxes=corners, labels=torch.tensor(labels), scores=torch.linspace(0.9, 0.5, len(boxes)), masks=masks)
    return dict(pred_instances=found, img_id=1, ori_shape=(100, 100))


def test_written_predictions_score_alike(annotations, tmp_path):
    sample = predicted([0, 1], [BOXES[0], (52, 40, 20, 30)])
    written = dict(sample, pred_instances=dict(sample['pred_instances'].items()), sample_id=1)
    (tmp_path / 'predictions.jsonl').write_text(line_of(written, []) + '\n')
    (again,) = read_lines(tmp_path / 'predictions.jsonl')
    assert score(annotations, again) == score(annotations, sample)


def score(annotations: str, sample: dict) -> dict:
    metric = ClassAgnosticCocoMetric(ann_file=annotations, metric=['bbox', 'segm'], classwise=True)
    metric.dataset_meta = dict(classes=('one', 'two'))
    metric.process({}, [sample])
    return metric.evaluate(1)


def test_right_boxes_of_wrong_categories(annotations):
    found = score(annotations, predicted([1, 0], BOXES))
    assert found['bbox_AP'] == found['bbox_AP50'] == found['segm_AP50'] == pytest.approx(100)
    assert found['bbox_mAP'] == 0
    assert found['one_precision'] == 0


def test_right_boxes_of_right_categories(annotations):
    found = score(annotations, predicted([0, 1], BOXES))
    assert found['bbox_AP75'] == found['segm_AP75'] == pytest.approx(100)
    assert found['bbox_mAP_50'] == found['segm_mAP_50'] == 1


def test_half_is_found_and_the_other_box_is_too_far(annotations):
    """One of two at precision 1: 51 of the 101 levels of recall."""
    found = score(annotations, predicted([0, 1], [BOXES[0], (70, 60, 20, 30)]))
    assert found['bbox_AP50'] == pytest.approx(100 * 51 / 101)


def test_nothing_found(annotations):
    found = score(annotations, predicted([], []))
    assert found['bbox_AP50'] == found['segm_AP50'] == found['bbox_mAP'] == found['segm_mAP'] == 0


def test_a_draw_is_a_function_of_its_place(tmp_path, annotations):
    from mplug2.datasets.transforms.base import BaseTransform

    class Random(BaseTransform):
        def transform(self, results: dict) -> dict:
            return dict(draw=float(np.random.rand()), torch=float(torch.rand(())))

    data = CocoDetection(
        ann_file=annotations, data_prefix=dict(img=''), metainfo=dict(classes=('one', 'two')), pipeline=[Random()]
    )
    first, second = data[StreamIndex(0, 5, 9)], data[StreamIndex(0, 5, 10)]
    assert data[StreamIndex(0, 5, 9)] == first != second


def test_annotations_that_count_from_zero_are_found(annotations):
    content = json.loads(Path(annotations).read_text())
    for number, annotation in enumerate(content['annotations']):
        annotation['id'] = number
    Path(annotations).write_text(json.dumps(content))
    found = score(annotations, predicted([0, 1], BOXES))
    assert found['bbox_mAP_50'] == found['segm_mAP_50'] == 1
    assert found['bbox_AP50'] == pytest.approx(100)


def test_a_box_without_a_mask_is_ignored_by_masks_alone(annotations):
    content = json.loads(Path(annotations).read_text())
    content['annotations'][0]['segmentation'] = []
    Path(annotations).write_text(json.dumps(content))
    dataset = CocoDetection(ann_file=annotations, metainfo=dict(classes=('one', 'two')), data_prefix=dict(img=''), pipeline=[])
    info = dataset.get_data_info(0) | dict(ori_shape=(100, 100), img_shape=(100, 100))
    from mmdet.datasets.transforms import LoadAnnotations

    loaded = LoadAnnotations(with_bbox=True, with_mask=True)(info)
    assert len(loaded['gt_bboxes']) == len(loaded['gt_masks']) == 2
    assert loaded['gt_ignore_flags'].tolist() == [True, False]


@pytest.mark.parametrize('box', [[float('nan')] * 4, [0, 0, float('inf'), 5], [1, 2, 3], ['a', 'b', 'c', 'd'], None])
def test_a_box_that_is_none_names_file_image_and_object(annotations, box):
    content = json.loads(Path(annotations).read_text())
    content['annotations'][1]['bbox'] = box
    Path(annotations).write_text(json.dumps(content))
    with pytest.raises(AnnotationError, match=r'instances\.json: image 1: object 1: bbox is .*expected'):
        CocoDetection(ann_file=annotations, metainfo=dict(classes=('one', 'two')), data_prefix=dict(img=''), pipeline=[])


def test_pixels_follow_the_one_rule_for_images(tmp_path):
    Image.fromarray(np.array([[[200, 0, 0, 255], [0, 0, 0, 0]]], np.uint8)).save(tmp_path / 'a.png')
    found = LoadPixels().transform(dict(img_path=str(tmp_path / 'a.png')))
    assert found['img'].tolist() == [[[0, 0, 200], [255, 255, 255]]]
    assert found['ori_shape'] == found['img_shape'] == (1, 2)
