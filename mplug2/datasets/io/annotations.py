"""Reading annotation files with errors that name file, record and key."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from .bad_samples import AnnotationError

Files = str | Path | Sequence[str | Path]


def as_list(files: Files | None) -> list[str]:
    """One file or several, as a list."""
    if files is None:
        return []
    return [str(files)] if isinstance(files, (str, Path)) else [str(file) for file in files]


def _text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding='utf-8-sig')  # with a byte-order mark or without
    except FileNotFoundError:
        raise FileNotFoundError(f'no annotation file {path}') from None
    except UnicodeDecodeError as error:
        raise AnnotationError(f'{path} is not UTF-8: {error}; write it anew in that encoding') from None


def _lines(path: str | Path) -> list[str]:
    """Lines as text files have them: other characters at which Unicode would break a line stay within it."""
    return _text(path).split('\n')  # reading has turned \r\n into \n


def read_json(path: str | Path) -> Any:
    """A JSON file's content.

    Raises:
        FileNotFoundError: no such file. AnnotationError: not JSON; names the place.
    """
    try:
        return json.loads(_text(path))
    except json.JSONDecodeError as error:
        raise AnnotationError(f'{path} is not JSON: {error}') from None


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
    records = []
    for number, line in enumerate(_lines(path), start=1):
        if line.strip():
            try:
                records.append(json.loads(line))
            except json.JSONDecodeError as error:
                raise AnnotationError(f'{path}: line {number} is not JSON: {error}') from None
    return records


def read_lines(path: str | Path) -> list[str]:
    """Lines without blanks around them; empty ones and ``#`` comments are left out.

    Raises:
        FileNotFoundError: no such file.
    """
    lines = (line.strip() for line in _lines(path))
    return [line for line in lines if line and not line.startswith('#')]


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

    Raises:
        FileNotFoundError: no such file. AnnotationError: a column is missing; names those that are there.
    """
    # In tables with tabs a quote is a character like others: as csv reads it, an open one would swallow the rows that follow.
    quoting = csv.QUOTE_NONE if delimiter == '\t' else csv.QUOTE_MINIMAL
    table = csv.DictReader(io.StringIO(_text(path)), delimiter=delimiter, quoting=quoting)
    for column in columns:
        if column not in (table.fieldnames or ()):
            raise AnnotationError(f'{path}: no column {column!r}; its columns are {", ".join(table.fieldnames or ())}')
    return [[row[column] for column in columns] for row in table]


def section(path: str | Path, content: Any, key: str) -> list[dict]:
    """The list under a key of a file's top level.

    Raises:
        AnnotationError: the key is missing; names those that are there.
    """
    if not isinstance(content, dict) or key not in content:
        there = ', '.join(content) if isinstance(content, dict) else f'a {type(content).__name__}'
        raise AnnotationError(f'{path}: no key {key!r} at the top level; there is {there}')
    return content[key]


def rows(path: str | Path, records: Iterable[dict], keys: Sequence[str], what: str = 'record') -> Iterator[list]:
    """The values of `keys` in each record, in that order.

    Raises:
        AnnotationError: a record lacks a key; names the file, the record's number (from 0) and the key.
    """
    for number, record in enumerate(records):
        try:
            yield [record[key] for key in keys]
        except (KeyError, TypeError):
            there = list(record) if isinstance(record, dict) else []
            missing = next(key for key in keys if key not in there)
            found = f'it has {", ".join(map(repr, there))}' if there else f'it is {record!r}'
            raise AnnotationError(f'{path}: {what} {number} has no key {missing!r}; {found}') from None
