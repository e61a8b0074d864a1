"""``mplug2 data``: the mini benchmark, and the check of data of one's own."""

from __future__ import annotations

import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest='action', metavar='ACTION', required=True)
    mini = actions.add_parser('mini', help='build the mini benchmark')
    mini.add_argument('--out', default='data/mini', help='folder to build it in')
    mini.add_argument('--seed', type=int, default=0)
    mini.add_argument('--workers', type=int, default=2, help='processes')
    mini.add_argument('--scale', type=float, default=1.0, help='share of the full number of samples')
    show = actions.add_parser('show', help='draw samples of it')
    show.add_argument('--data', default='data/mini')
    show.add_argument('--out', default='work_dirs/data_show', help='folder for the images')
    show.add_argument('--kind', default='all', help='one kind of annotation, or all')
    show.add_argument('--count', type=int, default=20, help='samples of each kind')
    check = actions.add_parser('check', help='say what a file of your own data holds, and what is wrong with it')
    check.add_argument('file', help='lines of JSON, as JsonlDataset reads them')
    check.add_argument('--data-prefix', help="folder of the media (default: the file's own)")
    check.add_argument('--workers', type=int, default=4, help='threads that decode')


def run(args: argparse.Namespace) -> int | None:
    if args.action == 'check':
        from ..datasets.own_check import check_own

        facts, problems = check_own(args.file, args.data_prefix, args.workers)
        print('\n'.join([*facts, *(f'PROBLEM  {problem}' for problem in problems)]))
        return 1 if problems else 0
    from .. import mini

    if args.action == 'mini':
        mini.build(args.out, seed=args.seed, workers=args.workers, scale=args.scale)
    else:
        for path in mini.show(args.data, args.out, kind=args.kind, count=args.count):
            print(path)
    return None
