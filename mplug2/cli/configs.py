"""``mplug2 configs``."""

from __future__ import annotations

import argparse
import json
import re
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

HEADER = ('config', 'task', 'data set', 'size', 'batch x GPUs', 'mini benchmark')
SIZES = {128: 'tiny', 384: 'small', 768: 'base', 1024: 'large', 1408: 'giant'}  # by the width of the vision encoder


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('pattern', nargs='?', default='*', help="of names, such as 'video_qa/*' or large (default: all)")


def run(args: argparse.Namespace) -> None:
    rows = [HEADER, *map(summary, names(args.pattern))]
    if len(rows) == 1:
        raise ValueError(f"no shipped config is named {args.pattern}; 'mplug2 configs' lists all")
    results = any(row[-1] for row in rows[1:])
    rows = rows if results else [row[:-1] for row in rows]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print('  '.join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def names(pattern: str) -> list[str]:
    """Names of the shipped configs that a shell pattern matches, or that have it in them."""
    from ..config.load import shipped_configs

    return [name for name in shipped_configs() if fnmatch(name, pattern) or pattern in name]


def summary(name: str) -> tuple[str, ...]:
    """The row of a config, by `HEADER`; nothing that the config names is imported."""
    from ..config.explain import trace
    from ..config.load import find_config

    cfg = trace(find_config(name))
    model = _get(cfg, 'model') or {}
    tasks = sorted({_type(task) for task in dict.values(_get(model, 'tasks') or {})}) or [_type(model)]
    data = _dataset(_get(cfg, 'train_dataloader') or _get(cfg, 'test_dataloader'))
    return name, _few(tasks), data, _size(name, model), _batch(cfg), _result(name)


def _get(node: Any, key: str) -> Any:
    """A value without building it; None where there is none."""
    from ..config.explain import plain

    return plain(dict.get(node, key)) if isinstance(node, dict) else None


def _type(node: Any) -> str:
    return str(getattr(_get(node, 'type'), 'name', _get(node, 'type')))


def _few(words: list[str]) -> str:
    return ', '.join(words) if len(words) < 3 else f'{words[0]} and {len(words) - 1} more'


def _size(name: str, model: Any) -> str:
    """As the name says it, or else by the vision encoder; '' of neither."""
    named = re.search('tiny|small|base|large|deberta', name.rsplit('/', 1)[-1])
    network = _get(_get(model, 'backbone') or model, 'network')
    return named[0] if named else SIZES.get(_get(_get(network, 'vision_encoder'), 'width'), 'tiny' if 'mini' in name else '')


def _dataset(loader: Any) -> str:
    dataset = _get(loader, 'dataset')
    sources = _get(dataset, 'sources')
    return _few([_type(_get(source, 'dataset')) for source in dict.values(sources)] if sources else [_type(dataset)])


def _batch(cfg: dict) -> str:
    """Samples of a process, processes, and the samples of a step that the learning rate is for."""
    loader, samples = _get(cfg, 'train_dataloader'), _get(_get(cfg, 'auto_scale_lr'), 'base_batch_size')
    if not loader:
        return 'test only'
    batch = _get(loader, 'batch_size')
    if batch is None:  # each source has its own
        batch = max(_get(source, 'batch_size') for source in dict.values(_get(_get(loader, 'dataset'), 'sources')))
    if not samples or samples % batch:
        return f'{batch}, rate for {samples}' if samples else str(batch)
    return f'{batch} x {samples // batch} = {samples}'


def _result(name: str) -> str:
    """The first metric of the config in the published results, which only a checkout has."""
    published = Path(__file__).parents[2] / 'docs/results/mini.json'
    rows = json.loads(published.read_text()) if published.is_file() else []
    for row in rows:
        if row['config'] == name and not row['options'] and row['start'] is None:
            return f'{row["metric"]} {row["mean"]:.4g}'
    return ''
