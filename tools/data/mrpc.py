"""Writes the TSV files of GLUE's MRPC from Microsoft's corpus.

    python tools/data/mrpc.py MRPC_SOURCE data/glue/MRPC

GLUE does not distribute this corpus. The source folder has Microsoft's msr_paraphrase_train.txt and
msr_paraphrase_test.txt, and GLUE's mrpc_dev_ids.tsv: the pairs of the training file that are its dev split, two ids a line.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from mplug2.utils.files import write_text


def read(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a file of the corpus.

    Raises:
        ValueError: a row does not have the header's columns.
    """
    lines = path.read_bytes().decode('utf-8-sig').split('\n')
    header, *rows = [line.rstrip('\r').split('\t') for line in lines if line.strip()]
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise ValueError(f'{path}: row {number} has {len(row)} columns, not {len(header)}')
    return header, rows


def write(path: Path, header: list[str], rows: list[list[str]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_text(path, ''.join('\t'.join(row) + '\n' for row in (header, *rows)))


def convert(source: Path, out: Path) -> dict[str, int]:
    """Write ``train.tsv``, ``dev.tsv`` and ``test.tsv``, the last without labels. Returns the number of pairs of each.

    Raises:
        ValueError: a dev pair is not in the training file.
    """
    dev = {tuple(line.split()) for line in (source / 'mrpc_dev_ids.tsv').read_text(encoding='utf-8-sig').splitlines() if line.strip()}
    header, rows = read(source / 'msr_paraphrase_train.txt')
    missing = dev - {(row[1], row[2]) for row in rows}
    if missing:
        raise ValueError(f'{source}/mrpc_dev_ids.tsv: the pair {" ".join(min(missing))} is not in msr_paraphrase_train.txt')
    parts = dict(
        train=[row for row in rows if (row[1], row[2]) not in dev],
        dev=[row for row in rows if (row[1], row[2]) in dev],
    )
    for name, members in parts.items():
        write(out / f'{name}.tsv', header, members)
    header, rows = read(source / 'msr_paraphrase_test.txt')
    unlabelled = [[str(number), *row[1:]] for number, row in enumerate(rows)]
    write(out / 'test.tsv', ['index', *header[1:]], unlabelled)
    return {name: len(members) for name, members in (parts | dict(test=unlabelled)).items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path)
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    for name, count in convert(args.source, args.out).items():
        print(f'{args.out / name}.tsv: {count} pairs')


if __name__ == '__main__':
    main()
