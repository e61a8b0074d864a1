"""``mplug2 match``."""

from __future__ import annotations

import argparse

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_common(parser)
    parser.add_argument('--text', required=True, help='the text that may belong to the images and clips')
    inference.add_clips(parser)


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'match', args.text)
