"""``mplug2 answer-text``."""

from __future__ import annotations

import argparse

from . import inference
from .summarize import lines_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_texts(parser)
    parser.add_argument('--question', required=True, help='about each text')


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'answer_text', args.question, inputs=lines_of(args.paths))
