"""``mplug2 caption``."""

from __future__ import annotations

import argparse

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_common(parser)
    inference.add_clips(parser)
    inference.add_generation(parser)


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'caption', **inference.generation(args))
