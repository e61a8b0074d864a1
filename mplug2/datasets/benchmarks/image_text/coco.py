"""COCO captions in Karpathy's splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import CaptionDataset
from ...io.annotations import KEY, raw_captions, read_json, rows, section

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

# Karpathy's 'restval', the images of COCO's val2014 outside his val and test splits, is training data, as usual.
SPLITS = {'train': ('train', 'restval'), 'val': ('val',), 'test': ('test',)}


@DATASETS.register_module()
class CocoCaption(CaptionDataset):
    """COCO captions (113,287 / 5,000 / 5,000 images) from Karpathy's ``dataset_coco.json``.

    Images are ``data_prefix/{train2014,val2014}/COCO_train2014_000000000009.jpg``. Fields: ``captions``.

    Args:
        ann_file: ``dataset_coco.json``. split: 'train' (with restval), 'val' or 'test'. kwargs: of `CaptionDataset`.
    """

    PUBLISHED = {'train': 113_287, 'val': 5_000, 'test': 5_000}

    def __init__(self, ann_file: str, split: str, **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'CocoCaption: split is one of {", ".join(map(repr, SPLITS))}, not {split!r}')
        self.ann_file, self.split = ann_file, split
        super().__init__(**kwargs)

    def load_captions(self) -> list[dict]:
        images = section(self.ann_file, read_json(self.ann_file), 'images')
        fields = dict(cocoid=KEY, filepath=str, filename=str, split=str, sentences=list)
        records = []
        for cocoid, folder, name, split, sentences in rows(self.ann_file, images, fields, 'images'):
            if split in SPLITS[self.split]:
                captions = raw_captions(self.ann_file, cocoid, sentences)
                records.append(dict(sample_id=cocoid, media='image', path=f'{folder}/{name}', captions=captions))
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        return dict(ann_file=mini.path('coco/annotations/dataset_coco.json'), data_prefix=mini.path('coco'))
