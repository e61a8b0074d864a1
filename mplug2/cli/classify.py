"""``mplug2 classify``."""

from __future__ import annotations

import argparse

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_common(parser)
    parser.add_argument('--class-names', nargs='+', metavar='NAME', help="classes to choose from; the model's own if not given")
    parser.add_argument('--templates', nargs='+', default=['{}'], help="texts about a class of --class-names, as 'a red {}'")
    inference.add_clips(parser)


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'classify', class_names=args.class_names, templates=args.templates)
