"""``mplug2 config``."""

from __future__ import annotations

import argparse
from collections.abc import Mapping


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..config.command_line import DictAction

    parser.add_argument('config', help='a config file, or the name of a shipped one')
    parser.add_argument('--cfg-options', nargs='+', action=DictAction, help='overrides, such as train_cfg.max_iters=10')


def run(args: argparse.Namespace) -> None:
    from ..config.load import load_config

    print(recipe(load_config(args.config, args.cfg_options)), end='')


def recipe(cfg: Mapping) -> str:
    """A resolved config as Python: what a run reads, without the names that the files only build it of.

    Returns:
        the text of a config file without bases; classes are named by their modules.
    """
    from mmengine.config import Config

    from ..config.overrides import known_to_runs

    return Config({key: value for key, value in cfg.to_dict().items() if key in known_to_runs()}).pretty_text
