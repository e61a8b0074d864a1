"""``mplug2 summarize``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_texts(parser)
    inference.add_generation(parser)


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'summarize', inputs=lines_of(args.paths), **inference.generation(args))


def lines_of(paths: Sequence[str]) -> Iterator[str]:
    """The texts of files, one a line; empty lines are passed over."""
    for path in paths:
        with open(path, encoding='utf-8-sig') as file:
            yield from (line.strip() for line in file if line.strip())
