"""Writes a text corpus as shards of packed rows of token ids, which `PackedText` reads.

    python tools/data/shards_text.py data/wiki/*.txt shards/wiki --length 128 --documents blank
    python tools/data/shards_text.py data/c4/c4-train.*.json.gz shards/c4 --length 128 --workers 32

Reads JSON lines with a key ``text`` if a file's name has ``.json`` in it, else text (one document on each line, or documents
between blank lines), each plain or ``.gz``. Files are packed in parallel; each has its own shards, named by its folder and
itself (``AA/wiki_00`` becomes ``AA-wiki_00-00000.tar``), and continues where it stopped.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
import os
import sys
import zlib
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

from mplug2.datasets.io.bad_samples import AnnotationError
from mplug2.datasets.shards.packed_text import DESCRIPTION, Packer, describe_packing, row_bytes
from mplug2.datasets.shards.writing import ShardWriter, note_source, write_notes
from mplug2.text import BertTokenizer


def _lines(path: Path) -> Iterator[str]:
    number = 0
    try:
        with gzip.open(path, 'rt', encoding='utf-8-sig') if path.suffix == '.gz' else open(path, encoding='utf-8-sig') as file:
            for line in file:
                number += 1
                yield line
    except UnicodeDecodeError:
        raise AnnotationError(f'{path}: not UTF-8 after line {number}') from None
    except (EOFError, zlib.error, OSError) as error:
        raise AnnotationError(f'{path}: cannot be read after line {number} ({error})') from None


def read_documents(path: Path, between: str = 'line') -> Iterator[str]:
    """The documents of a file.

    Args:
        between: separator in a text file: 'line', one document on each line; 'blank', blank lines between documents.

    Raises:
        AnnotationError: it is missing, truncated, damaged or not UTF-8; a line is not JSON, or has no key ``text``.
    """
    lines = _lines(path)
    if '.json' in path.name:
        for number, line in enumerate(lines, 1):
            try:
                yield json.loads(line)['text']
            except (ValueError, KeyError, TypeError):
                raise AnnotationError(f"{path}: line {number} is not a JSON object with a key 'text'") from None
    elif between == 'line':
        yield from (line.strip() for line in lines)
    else:
        parts: list[str] = []
        for line in lines:
            if line.strip():
                parts.append(line.strip())
            elif parts:
                yield ' '.join(parts)
                parts = []
        if parts:
            yield ' '.join(parts)


def shard_names(files: Iterable[Path]) -> dict[str, Path]:
    """Prefix of the names of a file's shards -> the file, by its whole path.

    Raises:
        AnnotationError: two files would have shards of the same names.
    """
    named: dict[str, Path] = {}
    for path in (Path(os.path.abspath(file)) for file in files):
        stem = f'{path.parent.name}-{path.name}'.replace('.', '-')  # the key of a sample ends at the first dot
        other = named.setdefault(stem, path)
        if other != path:
            raise AnnotationError(f'the shards of {other} and of {path} would both be {stem}-*.tar: give each another folder')
    return named


def write_file(named: tuple[str, Path], out: Path, vocab: str, length: int, between: str, per_shard: int) -> str:
    """Pack a file into ``STEM-00000.tar``, ``STEM-00001.tar``, ... of at least `per_shard` rows each. Returns a summary line.

    Args:
        named: stem and file, of `shard_names`.

    Raises:
        AnnotationError: the folder has shards of that name of another file.
    """
    tokenizer = BertTokenizer(vocab)
    stem, path = named
    number, state = 0, dict(documents=0, rows=0, rest=[], last=False)  # after the shards so far
    while (out / f'{stem}-{number:05d}.tar').is_file() and (out / f'{stem}-{number:05d}_stats.json').is_file():
        state = json.loads((out / f'{stem}-{number:05d}_stats.json').read_text())
        if state['file'] != str(path):
            raise AnnotationError(f'{out}/{stem}-*.tar are of {state["file"]}, not of {path}: give another folder')
        number += 1
    if state['last']:
        return f'{path}: {state["documents"]:,} documents, {state["rows"]:,} rows  (there already)'
    packer, rows, taken = Packer(tokenizer, length, state['rest']), [], state['documents']

    def write(last: bool) -> None:
        nonlocal number, state
        name = f'{stem}-{number:05d}'
        with ShardWriter(out / f'{name}.tar') as shard:
            for index, ids in enumerate(rows):
                shard.add(f'{name}-{index:06d}', {'npy': row_bytes(ids, tokenizer.vocab_size)})
        state = dict(file=str(path), documents=taken, rows=state['rows'] + len(rows), rest=packer.rest, last=last)
        write_notes(out / f'{name}_stats.json', state)
        number += 1
        rows.clear()

    for document in islice(read_documents(path, between), taken, None):
        rows += packer.add(document)
        taken += 1
        if len(rows) >= per_shard:
            write(last=False)
    rows += packer.finish()
    write(last=True)
    return f'{path}: {state["documents"]:,} documents, {state["rows"]:,} rows'


def _write_or_report(named: tuple[str, Path], **kwargs: Any) -> tuple[str, bool]:
    """The summary or the error of `write_file`, and whether it succeeded: an error must not stop the other files."""
    try:
        return write_file(named, **kwargs), True
    except AnnotationError as error:
        return str(error), False


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('files', type=Path, nargs='+', help='the corpus')
    parser.add_argument('out', type=Path)
    parser.add_argument('--length', type=int, default=128, help='tokens a row, [CLS] included (default 128)')
    parser.add_argument('--vocab', default='bert-base-uncased', help="the model's vocabulary (default bert-base-uncased)")
    parser.add_argument('--documents', choices=['line', 'blank'], default='line', help='what separates documents of text')
    parser.add_argument('--per-shard', type=int, default=100_000, metavar='N', help='rows a shard (default 100,000)')
    parser.add_argument('--workers', type=int, default=1, help='files packed at a time (default 1)')
    args = parser.parse_args(arguments)
    files = shard_names(args.files)
    note_source(args.out, dict(length=args.length, vocab=args.vocab, documents=args.documents, per_shard=args.per_shard))
    write_notes(args.out / DESCRIPTION, describe_packing(BertTokenizer(args.vocab), args.length))
    call = partial(
        _write_or_report,
        out=args.out,
        vocab=args.vocab,
        length=args.length,
        between=args.documents,
        per_shard=args.per_shard,
    )
    failed = []
    with multiprocessing.get_context('spawn').Pool(args.workers) if args.workers > 1 else nullcontext() as pool:
        for line, done in map(call, files.items()) if pool is None else pool.imap_unordered(call, files.items()):
            print(line, file=sys.stdout if done else sys.stderr, flush=True)
            if not done:
                failed.append(line)
    if failed:
        raise AnnotationError(
            f'{len(failed)} of {len(files)} files could not be packed (the last: {failed[-1]}): repair or leave them out, and '
            'the same command goes on where each stopped'
        )


if __name__ == '__main__':
    main()
