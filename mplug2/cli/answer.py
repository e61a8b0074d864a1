"""``mplug2 answer``."""

from __future__ import annotations

import argparse

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_common(parser)
    parser.add_argument('--question', required=True)
    parser.add_argument('--choices', nargs='+', metavar='ANSWER', help='rank these answers in place of writing one')
    inference.add_clips(parser)
    inference.add_generation(parser)


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'answer', args.question, choices=args.choices, **inference.generation(args))
