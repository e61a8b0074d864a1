"""COCO's instances through mmdet's dataset, sampled by position."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from mmcv.transforms import BaseTransform
from mmdet.datasets import CocoDataset
from mmdet.datasets.transforms import Pad
from mmdet.registry import TRANSFORMS as MMDET_TRANSFORMS
from mmengine.logging import print_log

from ..datasets.io.annotations import NUMBER, check_type, rows
from ..datasets.io.bad_samples import AnnotationError
from ..datasets.io.image import read_image
from ..datasets.sampling.sampler import StreamIndex
from ..registry import DATASETS, TRANSFORMS

if TYPE_CHECKING:
    from ..datasets.stand_ins import MiniBenchmark

DIGITS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')  # the mini benchmark's categories


@DATASETS.register_module()
class CocoDetection(CocoDataset):
    """mmdet's `CocoDataset`, whose augmentation depends on the seed and on the sample's place in the stream alone.

    So resuming is exact, with any number of workers. Categories other than COCO's: ``metainfo=dict(classes=(...))``.
    Of the pipeline ``dict(type='LoadImageFromFile')`` is `LoadPixels`, as in every data set of this package.
    """

    REQUIRES = {
        'mmdet': 'mmdet without its dependencies',
        'pycocotools': 'pycocotools',
        'scipy': 'scipy',  # this and the following: mmdet imports them
        'shapely': 'shapely',
        'six': 'six',
        'terminaltables': 'terminaltables',
    }

    def __init__(self, *args: Any, pipeline: Sequence[dict | Callable] = (), **settings: Any) -> None:
        steps = [dict(type=LoadPixels) if step == dict(type='LoadImageFromFile') else step for step in pipeline]
        super().__init__(*args, pipeline=steps, **settings)

    def load_data_list(self) -> list[dict]:
        """As in mmdet. Objects without a mask keep their box and are ignored where masks are trained on; a warning counts
        them."""
        samples = super().load_data_list()
        objects = [instance for sample in samples for instance in sample['instances']]
        bare = [instance for instance in objects if 'mask' not in instance]
        for instance in bare:
            instance['mask'] = []
        if bare and len(bare) < len(objects):
            print_log(f'{self.ann_file}: {len(bare)} of {len(objects)} objects have no mask', 'current', logging.WARNING)
        return samples

    def parse_data_info(self, raw_data_info: dict) -> dict:
        """As in mmdet, which drops boxes without an extent within the image.

        Raises:
            AnnotationError: an object's key is missing or of another type, or its box is not four finite numbers.
        """
        name = raw_data_info['raw_img_info']['file_name']
        if os.path.isabs(name) or os.path.normpath(name).startswith('..'):
            raise AnnotationError(f'{self.ann_file}: file_name {name!r} is not within the folder of the images')
        what = f'image {raw_data_info["raw_img_info"]["img_id"]}: object'
        fields = dict(bbox=list, area=NUMBER, category_id=int)
        for number, (box, *_) in enumerate(rows(self.ann_file, raw_data_info['raw_ann_info'], fields, what)):
            where = f'{self.ann_file}: {what} {number}: bbox'
            for side in box:
                check_type(where, side, NUMBER)
            if len(box) != 4 or not np.isfinite(box).all():
                raise AnnotationError(f'{where} is {box}; expected [left, top, width, height], finite')
        return super().parse_data_info(raw_data_info)

    def __getitem__(self, index: int) -> dict[str, Any]:
        if isinstance(index, StreamIndex):
            index.seed_everything()
        return super().__getitem__(int(index))

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part = 'train2014' if 'train' in cfg['ann_file'] else 'val2014'
        files = dict(ann_file=f'annotations/instances_{part}.json', data_prefix=dict(img=f'{part}/'))
        return files | dict(data_root=mini.path('coco'), metainfo=dict(classes=DIGITS))


@MMDET_TRANSFORMS.register_module(name='mplug2.LoadPixels')
@TRANSFORMS.register_module(name='LoadImageFromFile')  # mmdet's tools look for a step of this name
class LoadPixels(BaseTransform):
    """``img_path`` -> ``img`` (H, W, 3) uint8 with blue first, ``img_shape`` and ``ori_shape``. It replaces mmdet's
    `LoadImageFromFile`, and gives what `read_image` does of transparency, 16 bits and EXIF's orientation."""

    def transform(self, results: dict) -> dict:
        pixels = np.ascontiguousarray(read_image(results['img_path'])[..., ::-1])
        return results | dict(img=pixels, img_shape=pixels.shape[:2], ori_shape=pixels.shape[:2])


@MMDET_TRANSFORMS.register_module(name='mplug2.PadUnseen')
class PadUnseen(Pad):
    """mmdet's `Pad` for tests: ``img_shape`` stays the image's own, so that boxes end at its border, not in the padding."""

    def transform(self, results: dict) -> dict:
        shape = results['img_shape']
        return super().transform(results) | dict(img_shape=shape)
