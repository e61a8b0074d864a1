"""``mplug2 push``."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('folder', metavar='FOLDER', help='a model folder, as mplug2 publish writes')
    parser.add_argument('name', metavar='OWNER/NAME', help='on the hub, where you are logged in (hf auth login)')
    parser.add_argument('--private', action='store_true', help='make a new repository private')


def run(args: argparse.Namespace) -> None:
    from ..apis.publish import push

    print(push(args.folder, args.name, private=args.private))
