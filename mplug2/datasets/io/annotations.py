"""Reading annotation files: any encoding mark of UTF-8, checked types, errors that name file, record and key."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .bad_samples import AnnotationError

Files = str | Path | Sequence[str | Path]
Kind = type | tuple[type, ...]
NUMBER = (int, float)
KEY = (int, str)  # what records are known by


def as_list(files: Files | None) -> list[str]:
    """One file or several, as a list."""
    if files is None:
        return []
    return [str(files)] if isinstance(files, (str, Path)) else [str(file) for file in files]


def read_text(path: str | Path) -> str:
    """A UTF-8 file's text, without the byte-order mark that some editors put first.

    Raises:
        FileNotFoundError: no such file. AnnotationError: not UTF-8.
    """
    with _explained(path):
        return Path(path).read_text(encoding='utf-8-sig')


@contextmanager
def _explained(path: str | Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise FileNotFoundError(f'no annotation file {path}') from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f'{path} is not UTF-8: {error}; write it anew in that encoding') from None


def _lines(path: str | Path) -> Iterator[str]:
    """Lines as text files have them: other characters at which Unicode would break a line stay within it.

    Raises:
        FileNotFoundError, AnnotationError: as in `read_text`.
    """
    with _explained(path), Path(path).open(encoding='utf-8-sig') as file:
        for line in file:
            yield line.removesuffix('\n')


def read_json(path: str | Path) -> Any:
    """A JSON file's content.

    Raises:
        FileNotFoundError: no such file. AnnotationError: not JSON; names the place.
    """
    return _parsed(read_text(path), path)


def _parsed(text: str, path: str | Path, line: int | None = None) -> Any:
    where = f'{path}' if line is None else f'{path}: line {line}'
    try:
        return json.loads(text)
    except ValueError as error:  # a number of thousands of digits, too
        raise AnnotationError(f'{where} is not JSON: {error}') from None
    except RecursionError:
        raise AnnotationError(f'{where} is nested too deeply to be an annotation file') from None


def read_records(path: str | Path) -> list[dict]:
    """A JSON list, or JSON lines if the file's name ends in ``.jsonl``.

    Raises:
        FileNotFoundError: no such file. AnnotationError: neither.
    """
    if not str(path).endswith('.jsonl'):
        records = read_json(path)
        if not isinstance(records, list):
            raise AnnotationError(f'{path}: expected a list of records, found a {type(records).__name__}')
        return records
    return list(each_line(path))


def each_line(path: str | Path) -> Iterator[Any]:
    """What the lines of a file of JSON lines hold, one at a time.

    Raises:
        FileNotFoundError: no such file. AnnotationError: a line is not JSON.
    """
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            yield _parsed(line, path, number)


def read_lines(path: str | Path) -> list[str]:
    """Lines without blanks around them; empty ones are left out.

    Raises:
        FileNotFoundError: no such file.
    """
    return [line.strip() for line in _lines(path) if line.strip()]


def read_ids(path: str | Path, column: str) -> list[str]:
    """Ids from the named column of a ``.csv`` file with a header, or one a line from another file.

    Raises:
        FileNotFoundError: no such file. AnnotationError: the csv has no such column.
    """
    if not str(path).endswith('.csv'):
        return read_lines(path)
    return [value for (value,) in read_columns(path, [column])]


def read_columns(path: str | Path, columns: Sequence[str], delimiter: str = ',') -> list[list[str]]:
    """The named columns of a table with a header, row by row.

    Args:
        delimiter: a comma, with quotes around cells that hold one; or a tab, with which quotes mean nothing.

    Raises:
        FileNotFoundError: no such file. AnnotationError: a column is missing (names those that are there), or a row has
            fewer cells.
    """
    quoting = csv.QUOTE_NONE if delimiter == '\t' else csv.QUOTE_MINIMAL
    table = csv.DictReader(io.StringIO(read_text(path)), delimiter=delimiter, quoting=quoting)
    for column in columns:
        if column not in (table.fieldnames or ()):
            raise AnnotationError(f'{path}: no column {column!r}; its columns are {", ".join(table.fieldnames or ())}')
    cells = []
    try:
        for number, row in enumerate(table):
            cells.append([row[column] for column in columns])
            if None in cells[-1]:
                column = columns[cells[-1].index(None)]
                raise AnnotationError(f'{path}: row {number} has no cell in the column {column!r}')
    except csv.Error as error:
        raise AnnotationError(f'{path}: row {len(cells)} cannot be read: {error}') from None
    return cells


def section(path: str | Path, content: Any, key: str) -> list[dict]:
    """The list under a key of a file's top level.

    Raises:
        AnnotationError: the key is missing (names those that are there), or holds no list.
    """
    if not isinstance(content, dict) or key not in content:
        there = ', '.join(content) if isinstance(content, dict) else f'a {type(content).__name__}'
        raise AnnotationError(f'{path}: no key {key!r} at the top level; there is {there}')
    if not isinstance(content[key], list):
        raise AnnotationError(f'{path}: {key} is {_shown(content[key])}; expected a list')
    return content[key]


def rows(path: str | Path, records: Any, fields: Mapping[str, Kind], what: str = 'record') -> Iterator[list]:
    """The values of some keys in each record, in their order, checked.

    Args:
        records: a list of dicts. fields: key -> the type, or types, of its value. `str` holds no blank text only where the
            benchmark says so: that is for the reader to check.

    Raises:
        AnnotationError: a record lacks a key, or its value is of another type (null too); names the file, the record's
            number (from 0) and the key.
    """
    if not isinstance(records, list):
        raise AnnotationError(f'{path}: {what}s are {_shown(records)}; expected a list')
    for number, record in enumerate(records):
        if not isinstance(record, dict):
            raise AnnotationError(
                f'{path}: {what} {number} is {_shown(record)}; expected an object with the key {next(iter(fields))!r}'
            )
        for key, kind in fields.items():
            if key not in record:
                raise AnnotationError(f'{path}: {what} {number} has no key {key!r}; it has {", ".join(map(repr, record))}')
            check_type(f'{path}: {what} {number}: {key}', record[key], kind)
        yield [record[key] for key in fields]


def raw_captions(path: str | Path, image: int | str, sentences: list) -> list[str]:
    """The captions of an image in Karpathy's files, without blanks around them.

    Raises:
        AnnotationError: one has no text under ``raw``.
    """
    return [raw.strip() for (raw,) in rows(path, sentences, dict(raw=str), f'image {image}: sentence')]


def check_type(where: str, value: Any, kind: Kind) -> None:
    """Hold a value to its type; true and false are no numbers.

    Raises:
        AnnotationError: it is of another type.
    """
    kinds = kind if isinstance(kind, tuple) else (kind,)
    if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
        names = ' or '.join(dict.fromkeys(_NAMES[allowed] for allowed in kinds))
        raise AnnotationError(f'{where} is {_shown(value)}; expected {names}')


_NAMES = {str: 'a text', int: 'a number', float: 'a number', list: 'a list', dict: 'an object', bool: 'true or false'}


def _shown(value: Any) -> str:
    text = 'null' if value is None else repr(value)
    return text if len(text) <= 80 else f'{text[:77]}...'


def check_box(where: str, box: Any) -> list[float]:
    """``[left, top, width, height]`` of COCO's files -> corners x1 y1 x2 y2.

    Raises:
        AnnotationError: not four finite numbers, or without width or height.
    """
    numbers = (
        isinstance(box, list) and len(box) == 4 and all(isinstance(side, NUMBER) and not isinstance(side, bool) for side in box)
    )
    if not numbers or not all(map(math.isfinite, box)) or box[2] <= 0 or box[3] <= 0:
        raise AnnotationError(f'{where} is {_shown(box)}; expected [left, top, width, height], finite, with an extent')
    left, top, width, height = box
    return [left, top, left + width, top + height]
