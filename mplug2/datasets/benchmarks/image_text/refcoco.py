"""Referring expressions: RefCOCO, RefCOCO+ and RefCOCOg."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import KEY, Files, as_list, check_box, read_json, read_records, rows, section
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

TESTS = ('val', 'test', 'testA', 'testB')
_COCO_NAME = re.compile(r'COCO_((?:train|val|test)\d{4})_\d{12}\.')  # official names contain their folder; others are paths


@DATASETS.register_module()
class RefCOCO(MultiModalDataset):
    """RefCOCO and RefCOCO+ (UNC splits) and RefCOCOg (UMD split), one sample for each expression.

    ``tools/data/refcoco.py`` writes ``refs.json`` from the official pickle; images are
    ``data_prefix/train2014/COCO_train2014_000000581857.jpg``. Fields: ``phrase``; ``boxes``, one box of corners x1 y1 x2 y2 in
    pixels; ``ref_id``.

    Args:
        refs: ``refs.json`` of one of the three, or of several to train on their union. instances: ``instances.json`` of the
            same folders, or COCO's own instance files. split: 'train', 'val', and 'testA' and 'testB' (RefCOCO, RefCOCO+) or
            'test' (RefCOCOg). exclude: ``refs.json`` of data sets whose val and test images are left out (the union must not
            train on what one of them tests). kwargs: of `MultiModalDataset`.
    """

    PUBLISHED = {
        'refcoco/train': 120_624,
        'refcoco/val': 10_834,
        'refcoco/testA': 5_657,
        'refcoco/testB': 5_095,
        'refcoco+/train': 120_191,
        'refcoco+/val': 10_758,
        'refcoco+/testA': 5_726,
        'refcoco+/testB': 4_889,
        'refcocog/train': 80_512,
        'refcocog/val': 4_896,
        'refcocog/test': 9_602,
    }

    def __init__(self, refs: Files, instances: Files, split: str, exclude: Files | None = None, **kwargs: Any) -> None:
        if split not in ('train', *TESTS):
            raise ValueError(f"RefCOCO: split is one of 'train', {', '.join(map(repr, TESTS))}, not {split!r}")
        self.refs, self.instances, self.split, self.exclude = as_list(refs), as_list(instances), split, as_list(exclude)
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.refs)

    def load_records(self) -> list[dict]:
        files, boxes = self._instances()
        left_out = {
            image
            for path in self.exclude
            for image, split in rows(path, read_records(path), dict(image_id=KEY, split=str))
            if split in TESTS
        }
        records = []
        for path in self.refs:
            fields = dict(ref_id=KEY, ann_id=KEY, image_id=KEY, split=str, sentences=list)
            for number, (ref, annotation, image, split, sentences) in enumerate(rows(path, read_records(path), fields)):
                if split != self.split or image in left_out:
                    continue
                if annotation not in boxes or image not in files:
                    raise AnnotationError(
                        f'{path}: record {number} has ann_id {annotation} of image_id {image}, which is not in '
                        f'{", ".join(self.instances)}'
                    )
                for sentence, phrase in rows(path, sentences, dict(sent_id=KEY, sent=str), f'record {number}: sentence'):
                    record = dict(sample_id=sentence, media='image', path=files[image], ref_id=ref)
                    records.append({**record, 'phrase': phrase, 'boxes': [boxes[annotation]]})
        return records

    def _instances(self) -> tuple[dict[int, str], dict[int, list[float]]]:
        """image_id -> path, and annotation id -> corners."""
        files, boxes = {}, {}
        for path in self.instances:
            content = read_json(path)
            for image, name in rows(path, section(path, content, 'images'), dict(id=KEY, file_name=str), 'images'):
                official = _COCO_NAME.match(name)
                _put(path, 'image', files, image, f'{official[1]}/{name}' if official else name)
            annotations = section(path, content, 'annotations')
            for number, (key, box) in enumerate(rows(path, annotations, dict(id=KEY, bbox=list), 'annotations')):
                _put(path, 'annotation', boxes, key, check_box(f'{path}: annotations {number}: bbox', box))
        return files, boxes

    def published_splits(self) -> list[str]:
        if self.exclude:  # the published counts are without exclusions
            return []
        return [f'{Path(path).parent.name}/{self.split}' for path in self.refs]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        def moved(files: Files | None) -> list[str] | None:
            return [mini.path(f'refcoco/{Path(file).parent.name}/refs.json') for file in as_list(files)] or None

        instances = [mini.path(f'coco/annotations/instances_{part}.json') for part in ('train2014', 'minival2014', 'val2014')]
        files = dict(refs=moved(cfg['refs']), exclude=moved(cfg.get('exclude')), instances=instances)
        return files | dict(data_prefix=mini.path('coco'))


def _put(path: str, what: str, table: dict, key: int | str, value: Any) -> None:
    """Files may repeat each other, as COCO's minival and val do, and not contradict each other."""
    if table.setdefault(key, value) != value:
        raise AnnotationError(f'{path}: the {what} {key} is {value}, and {table[key]} here or in an earlier file')
