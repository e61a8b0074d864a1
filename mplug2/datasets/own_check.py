"""What a file of one's own data holds, and what is wrong with it."""

from __future__ import annotations

import hashlib
import json
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from .io.bad_samples import BadSampleError
from .io.image import read_image
from .io.video import read_video
from .own import read_own

TEXTS = ('captions', 'question', 'answers', 'phrase')


class Check(NamedTuple):
    """Sentences. facts: what there is. problems: what is wrong."""

    facts: list[str]
    problems: list[str]


def check_own(path: str | Path, data_prefix: str | Path | None = None, workers: int = 4) -> Check:
    """Read a file of `JsonlDataset`'s schema and all of its media.

    Problems are broken media, lines that repeat others, and media in several splits, also as copies under other names.

    Args:
        data_prefix: folder of the media; that of the file if None. workers: threads that decode.

    Raises:
        AnnotationError: a line is not of the schema.
    """
    records = read_own(path)
    folder = Path(path).parent if data_prefix is None else Path(data_prefix)
    kinds = {record['path']: record['media'] for record in records}
    with ThreadPoolExecutor(workers) as pool:
        read = dict(zip(kinds, pool.map(lambda name: _read(folder / name, kinds[name]), kinds), strict=True))
    problems = [error for error, _ in read.values() if error]
    problems += _repeats(records)
    problems += _leaks(records, {name: digest for name, (_, digest) in read.items() if digest})
    return Check([*_counts(records), *_lengths(records)], problems)


def _read(file: Path, kind: str) -> tuple[str | None, str | None]:
    """What is wrong with an image or clip, and the digest of its content."""
    try:
        if kind == 'image':
            read_image(str(file))
        else:
            read_video(str(file), lambda length: [0, length // 2, length - 1])
    except BadSampleError as error:
        return str(error), None
    digest = hashlib.sha256()
    with open(file, 'rb') as content:
        while block := content.read(2**20):
            digest.update(block)
    return None, digest.hexdigest()


def _counts(records: Sequence[dict]) -> Iterator[str]:
    for split in dict.fromkeys(record['split'] for record in records):
        here = [record for record in records if record['split'] == split]
        kinds = Counter({record['path']: record['media'] for record in here}.values())
        media = ', '.join(f'{count} {kind}{"s" if count > 1 else ""}' for kind, count in kinds.items())
        fields = ', '.join(key for key in (*TEXTS, 'label', 'boxes') if any(key in record for record in here))
        yield f'{split}: {len(here)} lines, {media}; {fields or "nothing to learn"}'
    labels = Counter(record['label'] for record in records if 'label' in record)
    if labels:
        most, least = labels.most_common()[0], labels.most_common()[-1]
        yield f'label: {len(labels)} classes, from {least[1]} lines ({least[0]}) to {most[1]} ({most[0]})'


def _lengths(records: Sequence[dict]) -> Iterator[str]:
    for key in TEXTS:
        values = [record[key] for record in records if key in record]
        words = [len(text.split()) for value in values for text in ([value] if isinstance(value, str) else value)]
        if words:
            yield f'{key}: {len(words)} texts of {min(words)} to {max(words)} words, median {statistics.median(words):g}'


def _repeats(records: Sequence[dict]) -> Iterator[str]:
    first: dict[str, int] = {}
    for number, record in enumerate(records, 1):
        content = json.dumps({key: value for key, value in record.items() if key not in ('sample_id', 'where')}, sort_keys=True)
        if first.setdefault(content, number) != number:
            yield f'record {number} repeats record {first[content]}'
    ids = Counter((record['split'], record['sample_id']) for record in records)
    yield from (f'{count} records of {split} have the id {name!r}' for (split, name), count in ids.items() if count > 1)


def _leaks(records: Sequence[dict], digests: dict[str, str]) -> Iterator[str]:
    splits: dict[str, dict[str, str]] = defaultdict(dict)  # content -> split -> path
    for record in records:
        if record['path'] in digests:
            splits[digests[record['path']]].setdefault(record['split'], record['path'])
    for names in splits.values():
        if len(names) > 1:
            where = '; '.join(f'{split}: {name}' for split, name in names.items())
            yield f'the same content is in several splits: {where}'
