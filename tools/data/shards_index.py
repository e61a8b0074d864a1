"""Builds the indices of shards before a training, which would build those that are missing as it starts.

    python tools/data/shards_index.py 'shards/cc12m/{00000..01242}.tar' --workers 16

An index gives the position of each sample; it is built from the headers of a tar file and stored beside it. Shards that
are cut off are named, and the exit status is then 1.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
from functools import partial

from mplug2.datasets.shards.files import expand
from mplug2.datasets.shards.index import load_index


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('shards', nargs='+', help='paths, URLs, folders, or patterns of them')
    parser.add_argument('--index-dir', help='folder of the indices; beside the shards if not given')
    parser.add_argument('--workers', type=int, default=8, help='shards read at a time (default 8)')
    args = parser.parse_args(arguments)
    paths = expand(args.shards)
    samples = damaged = 0
    with multiprocessing.get_context('spawn').Pool(min(args.workers, len(paths))) as pool:
        for done, index in enumerate(pool.imap(partial(load_index, index_dir=args.index_dir), paths), 1):
            samples += len(index.starts) - 1
            damaged += bool(index.problem)
            if index.problem:
                print(index.problem, file=sys.stderr)
            if done % 100 == 0 or done == len(paths):
                print(f'{done:,} of {len(paths):,} shards, {samples:,} samples, {damaged} damaged', flush=True)
    return int(damaged > 0)


if __name__ == '__main__':
    sys.exit(main())
