"""``mplug2 detect``."""

from __future__ import annotations

import argparse

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_common(parser, 'images, or folders of them')
    parser.add_argument('--threshold', type=float, default=0.3, help='lowest score of a box (default 0.3)')


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'detect', threshold=args.threshold)
