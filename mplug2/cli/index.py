"""``mplug2 index``."""

from __future__ import annotations

import argparse
import sys
from contextlib import redirect_stdout

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('paths', nargs='+', metavar='PATH', help='images, clips, or folders of them')
    parser.add_argument('--out', required=True, metavar='INDEX', help='folder of the index; one that is there is updated')
    parser.add_argument('--segment', type=float, metavar='SECONDS', help='cut clips into parts of about this length')
    parser.add_argument('--faiss', action='store_true', help='also index for approximate search, for collections of millions')
    inference.add_model(parser)
    inference.add_workers(parser)


def run(args: argparse.Namespace) -> int:
    with redirect_stdout(sys.stderr):
        from ..apis import EmbeddingIndex

        index = EmbeddingIndex(args.out)
        model = inference.load(args)
    update = index.update(
        model,
        inference.files(args.paths),
        segment=args.segment,
        batch_size=args.batch_size,
        progress=sys.stderr.isatty(),
    )
    for result in update.failed:
        print(result.error, file=sys.stderr)
    print(f'{args.out}: {len(index)} rows: {update.added} added, {update.kept} kept, {update.removed} removed')
    if args.faiss:
        print(f'FAISS: {", ".join(index.build_faiss()) or "too few rows, which are searched exactly"}')
    return 1 if update.failed else 0
