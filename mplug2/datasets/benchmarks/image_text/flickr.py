"""Flickr30K in Karpathy's splits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import CaptionDataset
from ...io.annotations import raw_captions, read_json, rows, section

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

SPLITS = ('train', 'val', 'test')


@DATASETS.register_module()
class Flickr30K(CaptionDataset):
    """Flickr30K captions (29,000 / 1,014 / 1,000 images) from Karpathy's ``dataset_flickr30k.json``.

    Images are ``data_prefix/1000092795.jpg``. Fields: ``captions``.

    Args:
        ann_file: ``dataset_flickr30k.json``. split: 'train', 'val' or 'test'. kwargs: of `CaptionDataset`.
    """

    PUBLISHED = {'train': 29_000, 'val': 1_014, 'test': 1_000}

    def __init__(self, ann_file: str, split: str, **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'Flickr30K: split is one of {", ".join(map(repr, SPLITS))}, not {split!r}')
        self.ann_file, self.split = ann_file, split
        super().__init__(**kwargs)

    def load_captions(self) -> list[dict]:
        images = section(self.ann_file, read_json(self.ann_file), 'images')
        records = []
        for name, split, sentences in rows(self.ann_file, images, dict(filename=str, split=str, sentences=list), 'images'):
            if split == self.split:
                captions = raw_captions(self.ann_file, name, sentences)
                records.append(dict(sample_id=name, media='image', path=name, captions=captions))
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        images = [image | dict(filename=f'{image["filepath"]}/{image["filename"]}') for image in mini.coco]
        return dict(ann_file=mini.write('dataset_flickr30k.json', dict(images=images)), data_prefix=mini.path('coco'))
