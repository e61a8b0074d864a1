"""The schema of data of one's own: lines of JSON as checked records."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from os.path import splitext
from pathlib import Path
from typing import Any

from .io.annotations import KEY, NUMBER, check_type, each_line
from .io.bad_samples import AnnotationError
from .io.files import SUFFIXES

# Key of a line -> type of its value.
SCHEMA: dict[str, Any] = dict(
    id=KEY,
    split=str,
    media=str,
    kind=str,
    start=NUMBER,
    end=NUMBER,
    caption=str,
    captions=list,
    question=str,
    question_type=str,
    answer=str,
    answers=list,
    label=KEY,
    phrase=str,
    box=list,
    boxes=list,
    labels=list,
    sentence1=str,
    sentence2=str,
    document=str,
    summary=str,
    summaries=list,
    context=str,
)
KINDS = ('image', 'video')
READ = ('sentence1', 'document', 'context')  # texts that a line without media has one of
TEXTS = ('captions', 'question', 'answers', 'phrase', 'sentence1', 'sentence2', 'document', 'summaries', 'context')
_TEXT_LISTS = (('caption', 'captions'), ('answer', 'answers'), ('summary', 'summaries'))  # one text or several
_CLASSES = {key: kind if isinstance(kind, tuple) else (kind,) for key, kind in SCHEMA.items()}  # of values as JSON gives them
_KIND_OF = {suffix: kind for kind in reversed(KINDS) for suffix in SUFFIXES[kind]}  # of both, an image
_LABELS = frozenset(('label', 'labels', 'box', 'boxes'))
_KEPT = ('question', 'question_type', 'label', 'labels', 'phrase', 'sentence1', 'sentence2', 'document', 'context')


def read_own(path: str | Path) -> Iterator[dict]:
    """The lines of a file as checked records, one at a time: ``sample_id``, ``media``, ``path``, ``split``, ``where`` and their
    fields.

    Raises:
        AnnotationError: as in `JsonlDataset`.
    """
    if not str(path).endswith('.jsonl'):
        raise AnnotationError(f'{path}: lines of JSON are in a file that ends in .jsonl')
    for number, line in enumerate(each_line(path), 1):
        yield _record(f'{path}: record {number}', number, line)


def class_names(labels: Iterable[int | str], source: str) -> list[str] | None:
    """Names of the classes of all splits, sorted, so that they count alike; None where they are numbers.

    Raises:
        AnnotationError: some are numbers and some are names.
    """
    labels = set(labels)
    names = {label for label in labels if isinstance(label, str)}
    if names and len(names) < len(labels):
        raise AnnotationError(f'{source}: some labels are numbers and some are names: give one or the other')
    return sorted(names) or None


def labels_of(record: dict, target: str) -> Sequence[int | str]:
    """The labels of a record's boxes where `target` is 'boxes', else its own label, if it has one."""
    if target == 'boxes':
        return record.get('labels', ())
    return (record['label'],) if 'label' in record else ()


# Files have millions of lines and few sets of keys. So what depends on the keys alone is checked once a set.
def _record(where: str, number: int, line: Any) -> dict:
    if line.__class__ is not dict:
        check_type(where, line, dict)
    problem, read, texts = _shape(tuple(line))
    if problem:
        raise AnnotationError(f'{where}: {problem}')
    for key, value in line.items():
        if value.__class__ not in _CLASSES[key]:
            check_type(f'{where}: {key}', value, SCHEMA[key])
    record: dict[str, Any] = dict(sample_id=line.get('id', number), media='text', split=line.get('split', 'train'), where=where)
    if 'media' in line:
        _add_media(record, where, line)
    for key, field in texts:
        record[field] = _texts(where, field, line[key] if key == field else [line[key]])
    for key in _KEPT:
        if key in line:
            record[key] = line[key]
    for key in read:
        _texts(where, key, [line[key]])
    if 'context' in line:
        record |= _context(where, record)
    if not _LABELS.isdisjoint(line):
        _add_boxes(record, where, line)
    return record


@lru_cache(4096)
def _shape(keys: tuple[str, ...]) -> tuple[str, tuple[str, ...], tuple[tuple[str, str], ...]]:
    """Of a line with these keys: what is wrong, the texts to read, and the keys of captions and the like with their fields."""
    problem = ''
    unknown = sorted(set(keys) - set(SCHEMA))
    read = tuple(key for key in READ if key in keys)
    if unknown or ('media' not in keys and not read):
        what = f'unknown keys {", ".join(unknown)}' if unknown else f'no media, and none of {", ".join(READ)}'
        problem = f'{what}; the keys are {", ".join(SCHEMA)}'
    elif 'media' in keys and read:
        problem = f'{read[0]} belongs to a task on texts, and media to another: give them on two lines'
    for pair in (*_TEXT_LISTS, ('box', 'boxes')):
        if not problem and set(pair) <= set(keys):
            problem = f'give {pair[0]} or {pair[1]}, not both'
    if not problem and 'box' in keys and 'phrase' not in keys:
        problem = 'a box needs the phrase that refers to it; objects of classes are boxes with labels'
    return problem, read, tuple((key, several) for single, several in _TEXT_LISTS for key in (single, several) if key in keys)


def _add_media(record: dict, where: str, line: dict) -> None:
    kind = line.get('kind')
    if kind is None:
        suffix = splitext(line['media'])[1][1:].lower()
        kind = _KIND_OF.get(suffix)
        if kind is None:
            raise AnnotationError(
                f"{where}: the ending of {line['media']!r} does not show its kind: give kind, 'image' or 'video'"
            )
    elif kind not in KINDS:
        raise AnnotationError(f"{where}: kind is 'image' or 'video', not {kind!r}")
    record['media'], record['path'] = kind, line['media']
    if 'start' in line or 'end' in line:
        part = {key: float(line[key]) for key in ('start', 'end') if key in line}
        if kind == 'image' or not 0 <= part.get('start', 0.0) < part.get('end', float('inf')):
            raise AnnotationError(
                f'{where}: start and end are seconds of a clip, with 0 <= start < end, not {part} of a {kind}'
            )
        record |= part


def _context(where: str, record: dict) -> dict:
    """What a question about a text needs beside its answers."""
    if 'question' not in record:
        raise AnnotationError(f'{where}: a context needs a question')
    context, answers = record['context'], record.get('answers')
    for answer in answers or []:
        if answer not in context:
            raise AnnotationError(f'{where}: the answer {answer!r} is not in the context, whose own words answers are')
    starts = None if answers is None else [context.index(answer) for answer in answers]
    return dict(question_id=record['sample_id'], answers=answers, answer_starts=starts)


def _add_boxes(record: dict, where: str, line: dict) -> None:
    if ('boxes' in line) != ('labels' in line) or len(line.get('boxes', [])) != len(line.get('labels', [])):
        raise AnnotationError(f'{where}: boxes and labels are lists of the same length, a label for each box')
    for label in line.get('labels', []):
        check_type(f'{where}: labels', label, KEY)
    for label in [*line.get('labels', []), line.get('label')]:
        if isinstance(label, int) and label < 0:
            raise AnnotationError(f'{where}: the label {label} is below 0, from where classes are counted')
    boxes = line.get('boxes', [line['box']] if 'box' in line else None)
    if boxes is not None:
        record['boxes'] = [_corners(where, box) for box in boxes]


def _texts(where: str, key: str, texts: Sequence[Any]) -> list[str]:
    for text in texts:
        if text.__class__ is not str:
            check_type(f'{where}: {key}', text, str)
        if not text or text.isspace():
            raise AnnotationError(f'{where}: {key} has a text without a word')
    return list(texts)


def _corners(where: str, box: Any) -> list[float]:
    check_type(f'{where}: box', box, list)
    for side in box:
        check_type(f'{where}: box', side, NUMBER)
    if len(box) != 4 or not (box[0] < box[2] and box[1] < box[3]) or not all(map(math.isfinite, box)):
        raise AnnotationError(f'{where}: a box is [x1, y1, x2, y2] in pixels, with x1 < x2 and y1 < y2, not {box}')
    return [float(side) for side in box]
