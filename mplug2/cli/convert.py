"""``mplug2 convert``."""

from __future__ import annotations

import argparse
from typing import Any


class _ListFormats(argparse.Action):
    """Prints the formats and ends, as ``--help`` does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        from ..checkpoints.formats import formats

        for kind in formats():
            print(f'{kind.name:<10} {(kind.__doc__ or "").splitlines()[0]}')
        parser.exit()


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('source', help='a weight file, a folder with one, or the name of a hub repository')
    parser.add_argument('out', help='the .safetensors file to write')
    parser.add_argument('--format', default='auto', help="what the source is: 'mplug2', or a format of --list")
    parser.add_argument('--to', default='mplug2', help="what to write: 'mplug2', or a format of --list")
    parser.add_argument('--list', action=_ListFormats, nargs=0, help='list the formats, in the order of recognition')
    parser.add_argument(
        '--universal-layers', type=int, default=2, metavar='S', help='layers of a BERT that become universal layers'
    )
    parser.add_argument(
        '--fusion-layers',
        type=int,
        metavar='N',
        help='fusion layers that a published file uses (3 of 12 and 6 of 24 are known)',
    )


def run(args: argparse.Namespace) -> None:
    from pathlib import Path

    from ..checkpoints import convert, read_state, write_state

    state, report = convert(
        read_state(args.source), args.source, args.format, args.to, args.universal_layers, args.fusion_layers
    )
    write_state(state, args.out, origin=Path(args.source).stem)
    print(report)
    print(f'wrote {args.out}: {args.to}, {len(state)} tensors, {sum(value.numel() for value in state.values()):,} values')
