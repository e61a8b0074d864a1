"""Reads the annotation files of a config's data sets, checks that every image or clip exists, and prints their sizes.

    python tools/data/check.py video_text_retrieval/mplug2_base_didemo

Benchmarks whose official files need no conversion are ready if this reports no problem. Exits with 1 if media are missing
or empty; --list writes their paths, one on each line. A line warns if a split has another size than its authors publish (a
truncated file, another version of it); the mini benchmark, which has the file names of all, is not compared.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from torch.utils.data import Dataset

from mplug2 import registry
from mplug2.config.load import load_config
from mplug2.datasets import MultiModalDataset
from mplug2.mini.build import MANIFEST
from mplug2.registry import resolve
from mplug2.utils.files import write_text

def record_of(dataset: Dataset, index: int) -> dict:
    """A record with ``path``: of the image or clip, or of the shard; data sets of mmdet have it as ``img_path``."""
    if isinstance(dataset, MultiModalDataset):
        return dataset.record(index)
    info = dataset.get_data_info(index)
    return info | dict(path=info['img_path'])


def summary(dataset: Dataset) -> tuple[str, list[str]]:
    """One line about a data set, and the paths of media that are missing or empty."""
    media: dict[str, int] = {}
    texts: dict[str, int] = {}
    for index in range(len(dataset)):
        record = record_of(dataset, index)
        if 'path' in record:
            media[record['path']] = media.get(record['path'], 0) + 1
        for key in getattr(dataset, 'TEXTS', ()):
            if key in record:
                texts[key] = texts.get(key, 0) + (len(record[key]) if isinstance(record[key], list) else 1)
    local = [path for path in media if '://' not in path]
    bad = [path for path in local if not Path(path).is_file() or not Path(path).stat().st_size]
    counts = ''.join(f', {count} {key if key.endswith("s") else key + "s"}' for key, count in texts.items())
    shown = f' of {len(media)} files' if media else ''
    line = f'{type(dataset).__name__}: {len(dataset)} samples{shown}{counts}'
    return line + (f'; {len(bad)} files are missing or empty, such as {bad[0]}' if bad else ''), bad


def complaint(dataset: Dataset) -> str:
    """A warning if a data set has another size than its benchmark publishes, else ''."""
    published = getattr(dataset, 'PUBLISHED', {})
    splits = dataset.published_splits() if published else []
    if not splits or not set(splits) <= set(published):
        return ''
    if any((folder / MANIFEST).is_file() for path in dataset.source.split(', ') for folder in Path(path).parents):
        return ''
    count, expected = dataset.published_count(), sum(published[split] for split in splits)
    return '' if count == expected else f'{", ".join(splits)}: {count} samples, but {expected} are published; are the files whole?'


def datasets(cfg: Any) -> dict[str, Dataset]:
    """The data sets of a config by 'train', 'val' and 'test', without pipelines; those of an interleaved stream by
    'train/<source>'."""
    built = {}
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        if loader:
            sources = loader.dataset.get('sources')
            parts = (
                {f'{part}/{name}': source.dataset for name, source in sources.items()} if sources else {part: loader.dataset}
            )
            built |= {name: _without_pipeline(dataset) for name, dataset in parts.items()}
    return built


def _without_pipeline(cfg: Any) -> Dataset:
    return registry.DATASETS.build(resolve(cfg | dict(pipeline=[]), registry.DATASETS))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--list', type=Path, help='write the paths of missing or empty media here')
    args = parser.parse_args()
    missing: list[str] = []
    for part, dataset in datasets(load_config(args.config)).items():
        line, bad = summary(dataset)
        print(f'{part:>5}  {line}')
        if warning := complaint(dataset):
            print(f'{"":5}  {warning}')
        missing += bad
    if args.list:
        write_text(args.list, ''.join(f'{path}\n' for path in missing))
    sys.exit(bool(missing))


if __name__ == '__main__':
    main()
