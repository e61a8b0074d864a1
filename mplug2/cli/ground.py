"""``mplug2 ground``."""

from __future__ import annotations

import argparse

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_common(parser, 'images, or folders of them')
    parser.add_argument('--phrase', required=True, help='what to find in the images')


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'ground', args.phrase)
