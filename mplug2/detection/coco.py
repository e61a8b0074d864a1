"""COCO's instances through mmdet's dataset, sampled by position."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from mmdet.datasets import CocoDataset
from mmdet.datasets.transforms import Pad
from mmdet.registry import TRANSFORMS
from mmengine.logging import print_log

from ..datasets.sampling.sampler import StreamIndex
from ..registry import DATASETS

if TYPE_CHECKING:
    from ..datasets.stand_ins import MiniBenchmark

DIGITS = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')  # the mini benchmark's categories


@DATASETS.register_module()
class CocoDetection(CocoDataset):
    """mmdet's `CocoDataset`, whose augmentation depends on the seed and on the sample's place in the stream alone.

    So resuming is exact, with any number of workers. Categories other than COCO's: ``metainfo=dict(classes=(...))``.
    """

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

    def __getitem__(self, index: int) -> dict[str, Any]:
        if isinstance(index, StreamIndex):
            index.seed_everything()
        return super().__getitem__(int(index))

    @classmethod
    def requires(cls, cfg: dict) -> dict[str, str]:
        return {'mmdet': 'mmdet without its dependencies', 'pycocotools': 'pycocotools'}

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part = 'train2014' if 'train' in cfg['ann_file'] else 'val2014'
        files = dict(ann_file=f'annotations/instances_{part}.json', data_prefix=dict(img=f'{part}/'))
        return files | dict(data_root=mini.path('coco'), metainfo=dict(classes=DIGITS))


@TRANSFORMS.register_module(name='mplug2.PadUnseen')
class PadUnseen(Pad):
    """mmdet's `Pad` for tests: ``img_shape`` stays the image's own, so that boxes end at its border, not in the padding."""

    def transform(self, results: dict) -> dict:
        shape = results['img_shape']
        return super().transform(results) | dict(img_shape=shape)
