"""Data of one's own: one schema of JSON lines for captions, questions, retrieval, grounding and classes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..registry import DATASETS
from .base import CaptionDataset
from .io.annotations import KEY, NUMBER, Files, as_list, check_type, read_records
from .io.bad_samples import AnnotationError
from .io.files import SUFFIXES

if TYPE_CHECKING:
    from .stand_ins import MiniBenchmark

# Key of a line -> type of its value.
SCHEMA: dict[str, Any] = dict(
    id=KEY,
    media=str,
    kind=str,
    split=str,
    caption=str,
    captions=list,
    question=str,
    question_type=str,
    answer=str,
    answers=list,
    label=KEY,
    phrase=str,
    box=list,
)
KINDS = ('image', 'video')


@DATASETS.register_module()
class JsonlDataset(CaptionDataset):
    """Lines of JSON, one a sample, with any of these keys.

    ``media`` (needed): path of an image or clip, from `data_prefix` on. ``kind``: 'image' or 'video', where the path's ending
    does not tell. ``id``: the line's number if there is none. ``split``: whose line it is, 'train' if there is none.
    ``caption`` or ``captions``; ``question`` with ``answer`` or ``answers`` and perhaps ``question_type``; ``label``, a number
    or the name of a class; ``phrase`` with ``box``, its corners [x1, y1, x2, y2] in pixels.

    Fields: ``captions``, ``question``, ``question_type``, ``answers``, ``label`` (a number), ``phrase``, ``boxes``, those that
    the lines have. The meta information has ``classes``, the names of the labels, sorted.

    Args:
        ann_file: one file or several. split: whose lines are read. target: the field that a line must have: 'captions',
            'answers', 'label' or 'boxes'. A test may have none at all, and is then predicted and not scored. kwargs: of
            `CaptionDataset`.

    Raises:
        AnnotationError: a line is not of this schema; says which.
    """

    def __init__(self, ann_file: Files, split: str = 'train', target: str = 'captions', **kwargs: Any) -> None:
        self.ann_file, self.split, self.target = ann_file, split, target
        self.classes: list[str] | None = None
        super().__init__(**kwargs)
        if self.classes is not None:
            self._metainfo.setdefault('classes', self.classes)

    def load_records(self) -> list[dict]:
        lines = [record for path in as_list(self.ann_file) for record in read_own(path)]
        labels = [record['label'] for record in lines if 'label' in record]
        names = {label for label in labels if isinstance(label, str)}
        if names and not all(isinstance(label, str) for label in labels):
            raise AnnotationError(f'{self.source}: some labels are numbers and some are names: give one or the other')
        self.classes = sorted(names) or None  # of all splits, so that they count alike
        records = [record for record in lines if record.pop('split') == self.split]
        labelled = any(record.get(self.target) not in (None, []) for record in records)
        for record in records:
            where = record.pop('where')
            if record.get(self.target) in (None, []) and (labelled or not self.test_mode):
                raise AnnotationError(f'{where}: the line has no {self.target}, which the task learns')
            if isinstance(record.get('label'), str):
                record['label'] = self.classes.index(record['label'])
        if self.target == 'captions' and self.each == 'caption':
            return [record | {'captions': [caption]} for record in records for caption in record['captions']]
        if self.target in ('captions', 'answers') and not labelled:  # to be predicted
            records = [{self.target: [] if self.target == 'captions' else None, **record} for record in records]
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        rows = [
            dict(media=f'{name}.mp4', split=split, captions=[text], question='what moves ?', answer=text.split()[1])
            for split in ('train', 'val', 'test')
            for name, text in list(mini.clip_captions(train=split != 'test'))[:8]
        ]
        content = ''.join(f'{json.dumps(row)}\n' for row in rows)
        return dict(ann_file=mini.write('own.jsonl', content), data_prefix=mini.path('msrvtt/videos'))


def read_own(path: str | Path) -> list[dict]:
    """The lines of a file as records, checked: ``sample_id``, ``media``, ``path``, ``split``, ``where`` and their fields.

    Raises:
        AnnotationError: as in `JsonlDataset`.
    """
    if not str(path).endswith('.jsonl'):
        raise AnnotationError(f'{path}: lines of JSON lie in a file that ends in .jsonl')
    return [_record(f'{path}: record {number}', number, line) for number, line in enumerate(read_records(path), 1)]


def _record(where: str, number: int, line: Any) -> dict:
    check_type(where, line, dict)
    unknown = sorted(set(line) - set(SCHEMA))
    if unknown or 'media' not in line:
        what = f'unknown keys {", ".join(unknown)}' if unknown else 'no media'
        raise AnnotationError(
            f'{where}: {what}; a line has media and any of {", ".join(key for key in SCHEMA if key != "media")}'
        )
    for key, value in line.items():
        check_type(f'{where}: {key}', value, SCHEMA[key])
    record: dict[str, Any] = dict(
        sample_id=line.get('id', number), path=line['media'], split=line.get('split', 'train'), where=where
    )
    record['media'] = line.get('kind') or _kind(where, line['media'])
    if record['media'] not in KINDS:
        raise AnnotationError(f"{where}: kind is 'image' or 'video', not {record['media']!r}")
    for single, several in (('caption', 'captions'), ('answer', 'answers')):
        if single in line and several in line:
            raise AnnotationError(f'{where}: give {single} or {several}, not both')
        texts = line.get(several, [line[single]] if single in line else None)
        if texts is not None:
            record[several] = _texts(where, several, texts)
    record |= {key: line[key] for key in ('question', 'question_type', 'label', 'phrase') if key in line}
    if ('phrase' in line) != ('box' in line) and 'box' in line:
        raise AnnotationError(f'{where}: a box needs the phrase that refers to it')
    if 'box' in line:
        record['boxes'] = [_corners(where, line['box'])]
    return record


def _kind(where: str, media: str) -> str:
    suffix = Path(media).suffix[1:].lower()
    kind = next((kind for kind in KINDS if suffix in SUFFIXES[kind]), None)
    if kind is None:
        raise AnnotationError(
            f"{where}: the ending of {media!r} does not tell an image from a clip: give kind, 'image' or 'video'"
        )
    return kind


def _texts(where: str, key: str, texts: Sequence[Any]) -> list[str]:
    for text in texts:
        check_type(f'{where}: {key}', text, str)
        if not text.strip():
            raise AnnotationError(f'{where}: {key} has a text without a word')
    return list(texts)


def _corners(where: str, box: list) -> list[float]:
    for side in box:
        check_type(f'{where}: box', side, NUMBER)
    if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]):
        raise AnnotationError(f'{where}: box is [x1, y1, x2, y2] in pixels, with x1 < x2 and y1 < y2, not {box}')
    return [float(side) for side in box]
