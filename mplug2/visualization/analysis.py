"""A file of predictions as a page: results of each class, what is mistaken for what, and the samples, worst first."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from ..datasets import BadSampleError
from ..datasets.io.files import SUFFIXES
from ..datasets.transforms import LoadImage, LoadVideo
from ..evaluation.analysis import class_results, confusion_matrix
from ..evaluation.predictions import read_scored
from ..utils.files import write_text
from .analysis_page import PAGE
from .predictions import is_shown, shown

FRAMES, HEIGHT = 4, 96  # of a clip; pixels of a shown frame
MOST_CLASSES = 200  # more distinct answers are texts, not classes
MOST_FILTERS = 8
GREEN, RED = (26, 127, 55), (180, 35, 24)


@dataclass
class Case:
    """One sample of the page.

    name: its id or file. asked: question, phrase or text. predicted, expected: in words; None where nobody knows what is right.
    right: None: not known. scores: by name. facts: further fields with short values, to filter by. path, media: its file.
    boxes: of the answer (colour, corners in shares or pixels).
    """

    name: str
    asked: str
    predicted: str
    expected: list[str] | None
    right: bool | None
    scores: dict[str, float] = field(default_factory=dict)
    facts: dict[str, str] = field(default_factory=dict)
    path: str | None = None
    media: str = 'image'
    boxes: list[tuple[tuple[int, int, int], Sequence[float]]] = field(default_factory=list)


def read_cases(path: str | Path, classes: Sequence[str] | None = None) -> Iterator[Case]:
    """Cases of what ``mplug2 test --predictions``, or ``mplug2 predict --out FILE.jsonl``, wrote.

    Args:
        classes: names of the labels.

    Raises:
        ValueError: a line is neither; says which.
    """
    with open(path, encoding='utf-8-sig') as file:
        first = file.readline()
    if '"source"' in first and '"prediction"' not in first:
        with open(path, encoding='utf-8-sig') as file:
            yield from map(_of_result, map(json.loads, file))
        return
    for sample, scores in read_scored(path):
        yield _of_sample(sample, scores, classes)


def _of_result(line: dict) -> Case:
    """Of a line that a command over `Inferencer` wrote, which knows nothing of what is right."""
    labels = ', '.join(line.get('labels', []))
    boxes = [(RED, box) for box in line.get('boxes', [])]
    predicted = line.get('error') or line.get('text') or labels or (f'{len(boxes)} boxes' if 'boxes' in line else '')
    scores = {name: line[name] for name in ('score', 'similarity') if name in line}
    suffix = Path(line['source']).suffix[1:].lower()
    is_image = suffix in SUFFIXES['image'] and suffix not in SUFFIXES['video']  # a GIF is a clip
    media = 'image' if boxes or is_image else 'video'
    return Case(
        line['source'], line.get('prompt', ''), predicted, None, None, scores, path=line['source'], media=media, boxes=boxes
    )


def _of_sample(sample: dict, scores: dict[str, float], classes: Sequence[str] | None) -> Case:
    asked = next((str(sample[name]) for name in ('question', 'phrase', 'sentence1', 'document') if name in sample), '')
    facts = {name: str(value) for name, value in sample.items() if _is_fact(name, value)}
    place = dict(path=sample.get('path'), media=sample.get('media', 'image'), facts=facts)
    if 'rank' in sample:  # a query of a retrieval loop
        best = ', '.join(map(str, sample['best'][:5]))
        return Case(f'query {sample["query"]}', '', best, None, sample['rank'] == 1, {'rank': -sample['rank']}, **place)
    if not is_shown(sample):
        raise ValueError(f'sample {sample["sample_id"]!r} has no prediction that can be shown: a view says how one is')
    view = shown(sample, classes)
    boxes = [(colour, sample[key]) for key, colour in (('box', GREEN), ('pred_box', RED)) if sample.get(key) is not None]
    score = {'confidence': sample['pred_score']} if isinstance(sample.get('pred_score'), float) else {}
    predicted = 'box' if 'pred_box' in sample else view.predicted
    return Case(str(sample['sample_id']), asked, predicted, view.expected, view.right, scores | score, boxes=boxes, **place)


def _is_fact(name: str, value: Any) -> bool:
    hidden = name in ('sample_id', 'path', 'question', 'phrase', 'task') or name.startswith('pred_')
    return not hidden and isinstance(value, (str, int, bool)) and len(str(value)) <= 30


def write_analysis(cases: Sequence[Case], folder: str | Path, title: str, strips: int = 200) -> Path:
    """Write ``index.html``, which needs no other file and no network.

    Args:
        cases: the samples. folder: of the page. strips: so many of the worst samples get their frames.

    Returns:
        the page.

    Raises:
        ValueError: no cases.
    """
    if not cases:
        raise ValueError(f'{title}: no predictions in it')
    ranked = sorted(cases, key=_badness)
    rows = [_row(case, number < strips) for number, case in enumerate(ranked)]
    content = dict(title=title, summary=_summary(cases), samples=rows, filters=_filters(cases)) | _classes(cases)
    text = json.dumps(content).replace('<', '\\u003c')  # or a text could end the script
    path = Path(folder) / 'index.html'
    write_text(path, PAGE.replace('@CONTENT@', text))
    return path


def _badness(case: Case) -> tuple:
    """Wrong ones first, those with the lowest scores of the metric before, and the surest before."""
    own = [value for name, value in case.scores.items() if name != 'confidence']
    return (case.right is True, min(own, default=0.0), -case.scores.get('confidence', 0.0))


def _summary(cases: Sequence[Case]) -> list[tuple[str, float]]:
    """(name, value): how many, how many of those with an answer are right, and the mean of each score."""
    known = [case.right for case in cases if case.right is not None]
    lines: list[tuple[str, float]] = [('samples', len(cases))]
    if known:
        lines.append(('right, %', round(100 * sum(known) / len(known), 2)))
    names = dict.fromkeys(name for case in cases for name in case.scores)
    for name in names:
        values = [case.scores[name] for case in cases if name in case.scores]
        lines.append((f'mean {name}', round(float(np.mean(values)), 4)))
    return lines


def _classes(cases: Sequence[Case]) -> dict[str, Any]:
    """Per-class results and the confusion matrix, where the expected answers are few enough to be classes."""
    pairs = [(_expected(case), case.predicted) for case in cases if case.expected]
    names = {expected for expected, _ in pairs}
    if not pairs or len(names) > MOST_CLASSES or len(names) > len(pairs) / 2:
        return {}
    counts = Counter(pairs)
    shown_names, matrix = confusion_matrix(counts)
    return dict(classes=class_results(counts), matrix=dict(names=shown_names, counts=matrix.tolist()))


def _expected(case: Case) -> str:
    """The class of a sample: of several answers the predicted one if it is among them, else the most frequent."""
    return case.predicted if case.predicted in case.expected else Counter(case.expected).most_common(1)[0][0]


def _filters(cases: Sequence[Case]) -> dict[str, list[str]]:
    """Facts that several samples share, and their values."""
    values: dict[str, Counter] = {}
    for case in cases:
        for name, value in case.facts.items():
            values.setdefault(name, Counter())[value] += 1
    kept = {name: sorted(counts) for name, counts in values.items() if 1 < len(counts) <= min(40, len(cases) / 2)}
    return dict(list(kept.items())[:MOST_FILTERS])


def _row(case: Case, with_strip: bool) -> dict[str, Any]:
    expected = None if case.expected is None else ' / '.join(dict.fromkeys(case.expected)) or 'no answer'
    row = dict(name=case.name, asked=case.asked, predicted=case.predicted, expected=expected, right=case.right)
    if case.expected:
        row['class'] = _expected(case)
    row |= dict(scores={name: round(value, 4) for name, value in case.scores.items()}, facts=case.facts)
    strip = _strip(case) if with_strip and case.path else None
    return row if strip is None else row | dict(strip=strip)


def _strip(case: Case) -> str | None:
    """The frames with their boxes as a data URL; None if they cannot be read any more."""
    load = LoadVideo(num_frames=FRAMES, backend='pyav') if case.media == 'video' else LoadImage()
    try:
        frames = load.transform(dict(path=case.path, sample_id=case.name, test_mode=True))['frames']
    except (BadSampleError, OSError):
        return None
    width = round(HEIGHT * frames.shape[2] / frames.shape[1])
    small = [np.ascontiguousarray(cv2.resize(frame, (width, HEIGHT), interpolation=cv2.INTER_AREA)) for frame in frames]
    for colour, box in case.boxes:
        in_pixels = max(box) > 1.5
        scale = (HEIGHT / frames.shape[1],) * 4 if in_pixels else (width, HEIGHT, width, HEIGHT)
        left, top, right, bottom = (round(side * factor) for side, factor in zip(box, scale, strict=True))
        for frame in small:
            cv2.rectangle(frame, (left, top), (right, bottom), colour, 1)
    encoded = cv2.imencode('.jpg', np.concatenate(small, 1)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 80])[1]
    return f'data:image/jpeg;base64,{base64.b64encode(encoded.tobytes()).decode()}'
