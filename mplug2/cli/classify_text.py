"""``mplug2 classify-text``."""

from __future__ import annotations

import argparse

from . import inference
from .summarize import lines_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_texts(parser)
    parser.add_argument('--other', metavar='PATH', help='file with the second text of each pair, line by line')


def run(args: argparse.Namespace) -> int:
    texts = list(lines_of(args.paths))
    return inference.run(args, 'classify_text', None if args.other is None else list(lines_of([args.other])), inputs=texts)
