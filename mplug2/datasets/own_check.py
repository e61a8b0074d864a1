"""What a file of one's own data holds, and what is wrong with it."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

from .io.bad_samples import BadSampleError
from .io.clip import Clip
from .io.files import check_inside, locate
from .io.image import read_image
from .own_schema import READ, TEXTS, class_names, labels_of, read_own


class Check(NamedTuple):
    """Sentences. facts: what there is. problems: what is wrong."""

    facts: list[str]
    problems: list[str]


class _Decoded(NamedTuple):
    """Of an image or clip. digest: of the file. size: width and height, pixels. seconds: of a clip."""

    digest: str
    size: tuple[int, int]
    seconds: float | None


def check_own(path: str | Path, data_prefix: str | Path | None = None, workers: int = 4, follow_links: bool = False) -> Check:
    """Read a file of `JsonlDataset`'s schema and all of its media.

    Problems are media that are broken or outside of their folder, lines that repeat others, media and texts in several splits,
    also as copies under other names, boxes and seconds outside of their media, and classes that training does not have.
    Nothing is compared with published sizes.

    Args:
        data_prefix: folder of the media; that of the file if None. workers: threads that decode.
        follow_links: as of a data set.

    Raises:
        AnnotationError: a line is not of the schema.
    """
    records = list(read_own(path))
    for target in ('label', 'boxes'):
        class_names((label for record in records for label in labels_of(record, target)), str(path))
    folder = str(Path(path).parent if data_prefix is None else data_prefix).rstrip('/')
    kinds = {record['path']: record['media'] for record in records if 'path' in record}
    with ThreadPoolExecutor(workers) as pool:
        outcomes = pool.map(partial(_decode, folder, follow_links), kinds, kinds.values())
        media = dict(zip(kinds, outcomes, strict=True))
    problems = [outcome for outcome in media.values() if isinstance(outcome, str)]
    decoded = {name: outcome for name, outcome in media.items() if isinstance(outcome, _Decoded)}
    problems += _repeats(records)
    problems += _outside(records, decoded)
    problems += _leaks(
        records, lambda record: decoded[record['path']].digest if record.get('path') in decoded else None, 'path'
    )
    for key in READ:
        problems += _leaks(records, lambda record, key=key: record.get(key), 'where')
    problems += _unlearned(records)
    return Check([*_counts(records), *_lengths(records), *_sizes(decoded)], problems)


def _decode(folder: str, follow_links: bool, name: str, kind: str) -> _Decoded | str:
    """An image, or the first, middle and last frame of a clip; a sentence where it is broken or outside of the folder."""
    file = f'{folder}/{name}' if folder else name  # as a data set reads it
    try:
        if folder and not follow_links:
            check_inside(file, folder)
        if kind == 'image':
            height, width = read_image(file).shape[:2]
            seconds = None
        else:
            clip = Clip(file)
            last = len(clip) - 1
            height, width = clip.read([0, last // 2, last]).shape[1:3]
            seconds = clip.duration
    except BadSampleError as error:
        return str(error)
    digest = hashlib.sha256()
    with open(locate(file, kind), 'rb') as content:  # as reading it does
        while block := content.read(2**20):
            digest.update(block)
    return _Decoded(digest.hexdigest(), (width, height), seconds)


def _counts(records: Sequence[dict]) -> Iterator[str]:
    for split in dict.fromkeys(record['split'] for record in records):
        here = [record for record in records if record['split'] == split]
        kinds = Counter({record['path']: record['media'] for record in here if 'path' in record}.values())
        media = ', '.join(f'{count} {kind}{"s" if count > 1 else ""}' for kind, count in kinds.items())
        fields = ', '.join(key for key in (*TEXTS, 'label', 'boxes') if any(record.get(key) is not None for record in here))
        yield f'{split}: {len(here)} lines, {media or "texts"}; {fields or "nothing to learn"}'
    for what, labels in _labels(records).items():
        counts = Counter(labels)
        (most, many), (least, few) = counts.most_common()[0], counts.most_common()[-1]
        yield f'{what}: {len(counts)} classes, from {few} ({least}) to {many} ({most})'


def _labels(records: Sequence[dict]) -> dict[str, list]:
    labels = dict(
        label=[record['label'] for record in records if 'label' in record],
        boxes=[label for record in records for label in record.get('labels', [])],
    )
    return {what: values for what, values in labels.items() if values}


def _lengths(records: Sequence[dict]) -> Iterator[str]:
    for key in TEXTS:
        values = [record[key] for record in records if record.get(key)]
        words = [len(text.split()) for value in values for text in ([value] if isinstance(value, str) else value)]
        if words:
            yield f'{key}: {len(words)} texts of {min(words)} to {max(words)} words, median {statistics.median(words):g}'


def _sizes(decoded: Mapping[str, _Decoded]) -> Iterator[str]:
    if decoded:
        sides = sorted(min(each.size) for each in decoded.values())
        yield f'shorter side: {sides[0]} to {sides[-1]} pixels, median {statistics.median(sides):g}'
    seconds = [each.seconds for each in decoded.values() if each.seconds is not None]
    if seconds:
        yield f'clips: {min(seconds):.1f} to {max(seconds):.1f} seconds, median {statistics.median(seconds):.1f}'


def _repeats(records: Sequence[dict]) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, record in enumerate(records, 1):
        content = json.dumps({key: value for key, value in record.items() if key not in _OWN}, sort_keys=True)
        if first.setdefault(content, number) != number:
            yield f'record {number} repeats record {first[content]}'
    ids = Counter((record['split'], record['sample_id']) for record in records)
    yield from (f'{count} records of {split} have the id {name!r}' for (split, name), count in ids.items() if count > 1)


_OWN = ('sample_id', 'where', 'question_id')  # of a record by itself, whatever it says


def _outside(records: Sequence[dict], decoded: Mapping[str, _Decoded]) -> Iterator[str]:
    for record in records:
        media = decoded.get(record.get('path'))
        if media is None:
            continue
        for box in record.get('boxes', []):
            if box[0] < 0 or box[1] < 0 or box[2] > media.size[0] or box[3] > media.size[1]:
                yield f'{record["where"]}: the box {box} is not within the {media.size[0]} x {media.size[1]} pixels'
        if media.seconds is not None and max(record.get('start', 0.0), record.get('end', 0.0)) > media.seconds + 0.5:
            yield f'{record["where"]}: start or end is after the {media.seconds:.1f} seconds of the clip'


def _leaks(records: Sequence[dict], content_of: Callable[[dict], str | None], named_by: str) -> Iterator[str]:
    """What several splits have.

    Args:
        content_of: record -> what is compared. named_by: the key that names a record in the sentence.
    """
    splits: dict[str, dict[str, str]] = defaultdict(dict)  # content -> split -> name
    for record in records:
        content = content_of(record)
        if content is not None:
            splits[content].setdefault(record['split'], record[named_by])
    for names in splits.values():
        if len(names) > 1:
            yield f'the same content is in several splits: {"; ".join(f"{split}: {name}" for split, name in names.items())}'


def _unlearned(records: Sequence[dict]) -> Iterator[str]:
    training = [record for record in records if record['split'] == 'train']
    for what, labels in _labels(records).items():
        learned = _labels(training).get(what)
        lacking = sorted({str(label) for label in labels} - {str(label) for label in learned or []})
        if learned and lacking:
            yield f'{what}: no line of train has the class {", ".join(lacking)}'
