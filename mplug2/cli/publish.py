"""``mplug2 publish``."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('work_dir', metavar='WORK_DIR', help='its best checkpoint, or else its latest, is taken')
    parser.add_argument('folder', metavar='FOLDER', help='the model folder to write')
    parser.add_argument('--config', help='of the checkpoint, where none or several are beside it')
    parser.add_argument('--measured-by', metavar='NAME', help='who measured the score; the card says so')


def run(args: argparse.Namespace) -> None:
    from ..apis.publish import publish

    print(publish(args.work_dir, args.folder, config=args.config, measured_by=args.measured_by))
