"""``mplug2 data``: the mini benchmark, the check of data of one's own, and samples as a model sees them."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any


def add_arguments(parser: argparse.ArgumentParser) -> None:
    from ..config.command_line import add_overrides

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
    check.add_argument('--follow-links', action='store_true', help='take media outside of that folder too')
    browse = actions.add_parser('browse', help='write a page of samples as the model of a config sees them')
    browse.add_argument('config', help='a config file, or the name of a shipped one')
    browse.add_argument('--split', choices=['train', 'val', 'test'], default='train')
    browse.add_argument('--count', type=int, default=12, help='samples of each data set')
    browse.add_argument('--out', type=Path, default='work_dirs/browse.html', metavar='FILE.html')
    add_overrides(browse)


def run(args: argparse.Namespace) -> int | None:
    if args.action == 'check':
        from ..datasets.own_check import check_own

        facts, problems = check_own(args.file, args.data_prefix, args.workers, args.follow_links)
        print('\n'.join([*facts, *(f'PROBLEM  {problem}' for problem in problems)]))
        return 1 if problems else 0
    if args.action == 'browse':
        print(browse(args.config, args.split, args.count, args.out, args.cfg_options))
        return None
    from .. import mini

    if args.action == 'mini':
        mini.build(args.out, seed=args.seed, workers=args.workers, scale=args.scale)
    else:
        for path in mini.show(args.data, args.out, kind=args.kind, count=args.count):
            print(path)
    return None


def browse(config: str, split: str, count: int, out: Path, options: Mapping[str, Any]) -> Path:
    """Write the first samples of a split, those of training in its order and with its augmentation.

    Raises:
        ValueError: the config does not read that split.
    """
    from ..config.load import load_config
    from ..visualization import write_samples

    cfg = load_config(config, options)
    loader = cfg.get(f'{split}_dataloader')
    if not loader:
        raise ValueError(f'{config} has no {split}_dataloader')
    samples: list[Any] = []
    classes = None
    for dataset in _datasets(loader['dataset']):
        samples += islice(_samples(dataset, split, (cfg.get('randomness') or {}).get('seed') or 0), count)
        classes = dataset.metainfo.get('classes') or classes
    return write_samples(samples, out, f'{Path(config).stem}, {split}', _decoder(loader['dataset']), classes)


def _datasets(cfg: dict) -> Iterator[Any]:
    from ..registry import DATASETS, resolve

    if cfg.get('sources'):
        for source in cfg['sources'].values():
            yield from _datasets(source['dataset'])
    else:
        yield DATASETS.build(resolve(cfg, DATASETS))


def _samples(dataset: Any, split: str, seed: int) -> Iterator[Any]:
    from ..datasets import ResumableSampler

    order = ResumableSampler(dataset, seed) if split == 'train' else range(len(dataset))
    return (sample for sample in (dataset[index] for index in islice(order, len(dataset))) if sample is not None)


def _decoder(cfg: dict) -> Callable[[Sequence[int]], str] | None:
    """Words of ids by the first tokenizer of a data set's config; texts of a pair on both sides of a stroke."""
    from ..config.walk import nodes
    from ..registry import TOKENIZERS

    tokenizers = [node['tokenizer'] for node in nodes(cfg) if isinstance(node.get('tokenizer'), dict)]
    if not tokenizers:
        return None
    tokenizer = TOKENIZERS.build(dict(tokenizers[0]))

    def decode(ids: Sequence[int]) -> str:
        parts: list[list[int]] = [[]]
        for token in ids:
            if token == tokenizer.sep_id:
                parts.append([])
            else:
                parts[-1].append(token)
        return ' / '.join(tokenizer.decode(part) for part in parts if part)

    return decode
