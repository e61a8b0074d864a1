"""Data of one's own: one schema of JSON lines for every task."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..registry import DATASETS
from .base import CaptionDataset
from .io.annotations import Files, as_list
from .io.bad_samples import AnnotationError
from .own_schema import READ, TEXTS, class_names, labels_of, read_own

if TYPE_CHECKING:
    from .stand_ins import MiniBenchmark

TARGETS = ('captions', 'answers', 'label', 'boxes', 'summaries')


@DATASETS.register_module()
class JsonlDataset(CaptionDataset):
    """Lines of JSON, one a sample. Every line has ``media``, the path of an image or clip from `data_prefix` on, or a text to
    read: ``sentence1``, ``document`` or ``context``. The other keys are those that a task needs:

    - ``kind``: 'image' or 'video', where the path's ending does not show it; ``start``, ``end``: seconds of a clip;
      ``id``: the line's number if there is none; ``split``: 'train' if there is none
    - ``caption`` or ``captions``: captioning and retrieval
    - ``question`` with ``answer`` or ``answers`` and perhaps ``question_type``: about the media, or about ``context``, whose
      own words the answers are (no answers: it does not say)
    - ``label``, a number or the name of a class: of the media, or of ``sentence1`` and perhaps ``sentence2``
    - ``phrase`` with ``box``: what it refers to, corners [x1, y1, x2, y2] in pixels
    - ``boxes`` with ``labels``: detection
    - ``summary`` or ``summaries``: of the ``document``

    Fields of a record: those that the line has, lists in place of single texts and boxes, numbers in place of names of classes;
    ``answer_starts`` in the context; for mmdet ``instances``, ``img_path`` and ``img_id`` of boxes. The meta information has
    ``classes``, the names, sorted, of all splits.

    Args:
        ann_file: one file or several. split: whose lines are read. target: the field that a line must have, of `TARGETS`. A
            test may have none at all, and is then predicted and not scored. kwargs: of `CaptionDataset`.

    Raises:
        AnnotationError: a line is not of this schema; says which.
    """

    TEXTS = TEXTS

    def __init__(self, ann_file: Files, split: str = 'train', target: str = 'captions', **kwargs: Any) -> None:
        if target not in TARGETS:
            raise ValueError(f'JsonlDataset: target is one of {", ".join(TARGETS)}, not {target!r}')
        self.ann_file, self.split, self.target = ann_file, split, target
        self.classes: list[str] | None = None
        super().__init__(**kwargs)
        if self.classes is not None:
            self._metainfo.setdefault('classes', self.classes)

    def load_records(self) -> Iterator[dict]:
        """The split's records, as one pass finds them: what depends on lines after theirs is `record`'s to add."""
        labels: set[int | str] = set()
        unlabelled, self.labelled = '', False
        for record in (record for path in as_list(self.ann_file) for record in read_own(path)):
            labels.update(labels_of(record, self.target))
            split, where = record.pop('split'), record.pop('where')
            if split != self.split:
                continue
            if self._is_labelled(record):
                self.labelled = True
            elif not unlabelled:
                unlabelled = where
            if self.target == 'captions' and self.each == 'caption':
                for caption in record.get('captions', ()):
                    yield record | {'captions': [caption]}
            else:
                yield record
        self.classes = class_names(labels, self.source)
        if unlabelled and (self.labelled or not self.test_mode):
            raise AnnotationError(f'{unlabelled}: the line has no {self.target}, which the task learns')

    def with_labels_counted(self, records: Iterable[dict]) -> Iterator[dict]:
        names: set[str] = set()
        for record in super().with_labels_counted(records):
            if isinstance(label := record.get('label'), str):
                names.add(label)
            yield record
        if names and self.target != 'boxes':
            self.num_labels = 1 + max(map(self.classes.index, names))

    def record(self, index: int) -> dict:
        record = super().record(index)
        if self.classes is not None:
            self._number_classes(record)
        if self.target != 'boxes' and not self.labelled:  # to be predicted
            record = {self.target: [] if self.target in ('captions', 'summaries') else None, **record}
        if self.target == 'boxes':
            boxes = zip(record.get('boxes', []), record.get('labels', []), strict=False)  # of a phrase, without labels
            record['instances'] = [dict(bbox=box, bbox_label=label, ignore_flag=0) for box, label in boxes]
            record |= dict(img_path=record['path'], img_id=index)
        return record

    def _is_labelled(self, record: dict) -> bool:
        value = record.get(self.target)
        # An empty list is an answer of a text that does not say, and of an image without objects.
        return value is not None and (value != [] or 'context' in record or self.target == 'boxes')

    def _number_classes(self, record: dict) -> None:
        if self.target == 'boxes' and 'labels' in record:
            record['labels'] = [self.classes.index(label) for label in record['labels']]
        elif self.target != 'boxes' and isinstance(record.get('label'), str):
            record['label'] = self.classes.index(record['label'])

    @classmethod
    def read_classes(cls, cfg: dict) -> list[str] | None:
        """Names of the classes that a data set of this config learns; None where its files are not there, or have numbers."""
        files, target = as_list(cfg.get('ann_file')), cfg.get('target')
        if target not in ('label', 'boxes') or not files or not all(Path(file).is_file() for file in files):
            return None
        records = (record for file in files for record in read_own(file))
        return class_names((label for record in records for label in labels_of(record, target)), files[0])

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        rows = [dict(row, split=split) for split in ('train', 'val', 'test') for row in _mini_rows(mini, split)]
        content = ''.join(f'{json.dumps(row)}\n' for row in rows if _kind_of(row) == _kind_of_pipeline(cfg))
        name = f'own_{_kind_of_pipeline(cfg)}.jsonl'
        return dict(ann_file=mini.write(name, content), data_prefix=mini.path())


# Lines of the mini benchmark, for smoke tests.


def _kind_of_pipeline(cfg: dict) -> str:
    """'image', 'video', or 'sentence1', 'document' or 'context' of a data set that reads texts."""
    steps = ' '.join(str(value) for step in cfg['pipeline'] for value in step.values())
    if 'AnswerWindows' in steps:
        return 'context'
    for name in ('document', 'sentence1'):
        if name in steps:
            return name
    return 'video' if 'LoadVideo' in steps or 'ActionPipeline' in steps else 'image'


def _kind_of(row: dict) -> str:
    return next((key for key in READ if key in row), row.get('kind', ''))


def _mini_rows(mini: MiniBenchmark, split: str) -> list[dict]:
    digits = mini.class_names
    first = 8 * ('train', 'val', 'test').index(split)
    rows: list[dict] = []
    for number, (name, text) in zip(range(first, first + 8), mini.clip_captions(train=split != 'test'), strict=False):
        answer = text.split()[1]
        clip = dict(media=f'msrvtt/videos/{name}.mp4', kind='video', captions=[text], label=digits[number % 10])
        rows += [
            clip | dict(question='what moves ?', answer=answer, start=0.0, end=0.5),
            dict(sentence1=text, sentence2=f'it is {answer}', label=('no', 'yes')[number % 2]),
            dict(document=text, summary=f'a {answer} one'),
            dict(context=text, question='what moves ?', answers=[answer][number % 2 :]),
        ]
    for number, (_, path) in zip(range(first, first + 8), mini.labelled_images(split), strict=False):
        digit = digits[number % 10]
        row = dict(media=str(path.relative_to(mini.root)), kind='image', caption=f'a {digit}', label=digit, labels=[digit])
        rows.append(row | dict(question='which digit ?', answer=digit, phrase='the digit', boxes=[[2, 2, 20, 20]]))
    return rows
