"""``mplug2 embed``."""

from __future__ import annotations

import argparse

from . import inference


def add_arguments(parser: argparse.ArgumentParser) -> None:
    inference.add_common(parser)
    inference.add_clips(parser)


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'embed')
