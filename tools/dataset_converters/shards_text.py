"""Writes a text corpus as shards of rows of token ids, packed to length, which `PackedText` reads.

    python tools/dataset_converters/shards_text.py data/wiki/*.txt shards/wiki --length 128 --documents blank
    python tools/dataset_converters/shards_text.py data/c4/c4-train.*.json.gz shards/c4 --length 128 --workers 32

Takes ``.txt`` (a document a line, or documents between blank lines) and JSON lines with a key ``text``, each plain or
``.gz``. Files are packed side by side; each has shards of its own, and goes on where it stopped.
"""

from __future__ import annotations

import argparse
import gzip
import json
import multiprocessing
from collections.abc import Iterator
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TextIO

from mplug2.datasets.errors import AnnotationError
from mplug2.datasets.packing import DESCRIPTION, Packer, describe_packing, row_bytes
from mplug2.datasets.shards_write import ShardWriter, note_source
from mplug2.text import BertTokenizer


def _open(path: Path) -> TextIO:
    return gzip.open(path, 'rt', encoding='utf-8') if path.suffix == '.gz' else open(path, encoding='utf-8')


def read_documents(path: Path, between: str = 'line') -> Iterator[str]:
    """The documents of a file.

    Args:
        between: of a ``.txt``: 'line', a document a line; 'blank', documents between blank lines.

    Raises:
        AnnotationError: a line is not JSON, or has no key ``text``.
    """
    with _open(path) as file:
        if '.json' in path.name:
            for number, line in enumerate(file, 1):
                try:
                    yield json.loads(line)['text']
                except (ValueError, KeyError, TypeError):
                    raise AnnotationError(f"{path}: line {number} is not a JSON object with a key 'text'") from None
        elif between == 'line':
            yield from (line.strip() for line in file)
        else:
            lines: list[str] = []
            for line in file:
                if line.strip():
                    lines.append(line.strip())
                elif lines:
                    yield ' '.join(lines)
                    lines = []
            if lines:
                yield ' '.join(lines)


def write_file(path: Path, out: Path, vocab: str, length: int, between: str, per_shard: int) -> str:
    """Pack a file into ``NAME-00000.tar`` and following, each of at least `per_shard` rows. Returns a line for a person."""
    tokenizer = BertTokenizer(vocab)
    stem = path.name.removesuffix('.gz').rpartition('.')[0].replace('.', '-')
    number, state = 0, dict(documents=0, rows=0, rest=[], last=False)  # after the shards so far
    while (out / f'{stem}-{number:05d}.tar').is_file() and (out / f'{stem}-{number:05d}_stats.json').is_file():
        state = json.loads((out / f'{stem}-{number:05d}_stats.json').read_text())
        number += 1
    if state['last']:
        return f'{path.name}: {state["documents"]:,} documents, {state["rows"]:,} rows  (there already)'
    packer, rows, taken = Packer(tokenizer, length, state['rest']), [], state['documents']

    def write(last: bool) -> None:
        nonlocal number, state
        name = f'{stem}-{number:05d}'
        with ShardWriter(out / f'{name}.tar') as shard:
            for place, ids in enumerate(rows):
                shard.add(f'{name}-{place:06d}', {'npy': row_bytes(ids, tokenizer.vocab_size)})
        state = dict(documents=taken, rows=state['rows'] + len(rows), rest=packer.rest, last=last)
        (out / f'{name}_stats.json').write_text(json.dumps(state))
        number += 1
        rows.clear()

    for document in islice(read_documents(path, between), taken, None):
        rows += packer.add(document)
        taken += 1
        if len(rows) >= per_shard:
            write(last=False)
    rows += packer.finish()
    write(last=True)
    return f'{path.name}: {state["documents"]:,} documents, {state["rows"]:,} rows'


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('files', type=Path, nargs='+', help='the corpus')
    parser.add_argument('out', type=Path)
    parser.add_argument('--length', type=int, default=128, help='tokens a row, [CLS] included (default 128)')
    parser.add_argument('--vocab', default='bert-base-uncased', help="the model's vocabulary (default bert-base-uncased)")
    parser.add_argument('--documents', choices=['line', 'blank'], default='line', help='what a .txt separates documents by')
    parser.add_argument('--per-shard', type=int, default=100_000, metavar='N', help='rows a shard (default 100,000)')
    parser.add_argument('--workers', type=int, default=1, help='files packed at a time (default 1)')
    args = parser.parse_args(arguments)
    note_source(args.out, dict(length=args.length, vocab=args.vocab, documents=args.documents, per_shard=args.per_shard))
    (args.out / DESCRIPTION).write_text(json.dumps(describe_packing(BertTokenizer(args.vocab), args.length)))
    call = partial(
        write_file,
        out=args.out,
        vocab=args.vocab,
        length=args.length,
        between=args.documents,
        per_shard=args.per_shard,
    )
    if args.workers == 1:
        for path in args.files:
            print(call(path), flush=True)
        return
    with multiprocessing.get_context('spawn').Pool(args.workers) as pool:
        for line in pool.imap_unordered(call, args.files):
            print(line, flush=True)


if __name__ == '__main__':
    main()
