"""``mplug2 analyze``."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('predictions', metavar='FILE.jsonl', help='what mplug2 test --predictions or mplug2 predict wrote')
    parser.add_argument('--html', type=Path, required=True, metavar='DIR', help='write the page into this folder')
    parser.add_argument('--config', help='config of the test, whose data set names the classes')
    parser.add_argument('--strips', type=int, default=200, metavar='N', help='how many of the worst samples get their frames')


def run(args: argparse.Namespace) -> None:
    from ..visualization.analysis import read_cases, write_analysis

    classes = None
    if args.config is not None:
        from ..apis.pipeline import class_names_of
        from ..config.load import load_config

        classes = next(iter(class_names_of(load_config(args.config)).values()), None)
    page = write_analysis(list(read_cases(args.predictions, classes)), args.html, args.predictions, args.strips)
    print(page)
