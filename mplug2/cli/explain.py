"""``mplug2 explain``."""

from __future__ import annotations

import argparse
import os
import sys

from ..config.explain import explain
from ..registry import load_plugins


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('config', help='a config file, or the name of a shipped one')
    parser.add_argument('key', help='a dotted key, such as optim_wrapper.optimizer.lr')


def run(args: argparse.Namespace) -> None:
    from pprint import pformat

    for failure in load_plugins(go_on=True):
        print(f'left out: {failure}', file=sys.stderr)
    value, path, line = explain(args.config, args.key)
    print(f'{args.key} = {pformat(value, width=120, sort_dicts=False)}')
    print(f'set in {os.path.relpath(path)}:{line}')
