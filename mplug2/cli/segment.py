"""``mplug2 segment``."""

from __future__ import annotations

import argparse

from . import detect, inference

add_arguments = detect.add_arguments


def run(args: argparse.Namespace) -> int:
    return inference.run(args, 'segment', threshold=args.threshold)
