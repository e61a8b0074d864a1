"""Reads the annotation files of a config's data sets, checks that every image or clip is there, and says what they hold.

    python tools/data/check.py video_text_retrieval/mplug2_base_didemo

Benchmarks whose official files need no conversion are prepared once this ends without a complaint. Ends with 1 if media are
missing or empty; --list writes their paths, one a line. Where a split has other numbers than its authors publish (a file that
was cut off, another version of it), a line says so; the mini benchmark, which has the names of all, is not compared.
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
from mplug2.datasets.io.annotations import read_columns
from mplug2.registry import resolve

# Samples of each split as published: by the name of the split, or by that of the file where each split has its own; RefCOCO's
# with that of the folder, GLUE's with that of the task.
OFFICIAL: dict[str, dict[str, int]] = {
    'CocoCaption': {'train': 113_287, 'val': 5_000, 'test': 5_000},
    'Flickr30K': {'train': 29_000, 'val': 1_014, 'test': 1_000},
    'NoCaps': {'nocaps_val_4500_captions': 4_500, 'nocaps_test_image_info': 10_600},
    'VQAv2': {
        'v2_OpenEnded_mscoco_train2014_questions': 443_757,
        'v2_OpenEnded_mscoco_val2014_questions': 214_354,
        'v2_OpenEnded_mscoco_test2015_questions': 447_793,
        'v2_OpenEnded_mscoco_test-dev2015_questions': 107_394,
    },
    'RefCOCO': {
        'refcoco/train': 120_624,
        'refcoco/val': 10_834,
        'refcoco/testA': 5_657,
        'refcoco/testB': 5_095,
        'refcoco+/train': 120_191,
        'refcoco+/val': 10_758,
        'refcoco+/testA': 5_726,
        'refcoco+/testB': 4_889,
        'refcocog/train': 80_512,
        'refcocog/val': 4_896,
        'refcocog/test': 9_602,
    },
    'MSRVTTCaption': {
        'train': 6_513,
        'validate': 497,
        'test': 2_990,
        'train+validate': 7_010,
        '9k': 9_000,
        '1k-A': 1_000,
    },
    'MSRVTTRetrieval': {'MSRVTT_JSFUSION_test': 1_000},
    'MSRVTTQA': {'train_qa': 158_581, 'val_qa': 12_278, 'test_qa': 72_821},
    'MSVDCaption': {'train_list': 1_200, 'val_list': 100, 'test_list': 670},
    'MSVDQA': {'train_qa': 30_933, 'val_qa': 6_415, 'test_qa': 13_157},
    'TGIFFrameQA': {'train+val': 39_392, 'test': 13_691},
    'DiDeMoParagraph': {'train_data': 8_395, 'val_data': 1_065, 'test_data': 1_004},
    'LSMDC': {'LSMDC16_annos_training': 101_079, 'LSMDC16_challenge_1000_publictect': 1_000},
    'ImageNet': {'train': 1_281_167, 'val': 50_000},
    'CIFAR10': {'train': 50_000, 'test': 10_000},
    'CIFAR100': {'train': 50_000, 'test': 10_000},
    'FashionMNIST': {'train': 60_000, 'test': 10_000},
    'DTD': {'train1': 1_880, 'val1': 1_880, 'test1': 1_880},
    'Food101': {'train': 75_750, 'test': 25_250},
    'SUN397': {'Training_01': 19_850, 'Testing_01': 19_850},
    'StanfordCars': {'cars_train_annos': 8_144, 'cars_test_annos_withlabels': 8_041},
    'GLUE': {
        'sst2/train': 67_349,
        'sst2/dev': 872,
        'sst2/test': 1_821,
        'rte/train': 2_490,
        'rte/dev': 277,
        'rte/test': 3_000,
        'mrpc/train': 3_668,
        'mrpc/dev': 408,
        'mrpc/test': 1_725,
        'qqp/train': 363_846,
        'qqp/dev': 40_430,
        'qqp/test': 390_965,
        'mnli/train': 392_702,
        'mnli/dev_matched': 9_815,
        'mnli/dev_mismatched': 9_832,
        'mnli/test_matched': 9_796,
        'mnli/test_mismatched': 9_847,
        'qnli/train': 104_743,
        'qnli/dev': 5_463,
        'qnli/test': 5_463,
    },
    'SQuAD': {'train-v1.1': 87_599, 'dev-v1.1': 10_570, 'train-v2.0': 130_319, 'dev-v2.0': 11_873},
    'Gigaword': {'input': 1_951},  # of training pairs those without a text are left out
}
TEXTS = ('captions', 'question', 'phrase')  # fields of which there may be several a record


def record_of(dataset: Dataset, index: int) -> dict:
    """A record with ``path``: of the image or clip, of the shard, or in a data set of mmdet of ``img_path``."""
    if isinstance(dataset, MultiModalDataset):
        return dataset.record(index)
    info = dataset.get_data_info(index)
    return info | dict(path=info['img_path'])


def summary(dataset: Dataset) -> tuple[str, list[str]]:
    """What a data set holds, in one line, and the paths of media that are missing or empty."""
    media: dict[str, int] = {}
    texts: dict[str, int] = {}
    for index in range(len(dataset)):
        record = record_of(dataset, index)
        if 'path' in record:
            media[record['path']] = media.get(record['path'], 0) + 1
        for key in TEXTS:
            if key in record:
                texts[key] = texts.get(key, 0) + (len(record[key]) if isinstance(record[key], list) else 1)
    local = [path for path in media if '://' not in path]
    bad = [path for path in local if not Path(path).is_file() or not Path(path).stat().st_size]
    told = ''.join(f', {count} {key if key.endswith("s") else key + "s"}' for key, count in texts.items())
    shown = f' of {len(media)} files' if media else ''
    line = f'{type(dataset).__name__}: {len(dataset)} samples{shown}{told}'
    return line + (f'; {len(bad)} files are missing or empty, such as {bad[0]}' if bad else ''), bad


def complaint(dataset: Dataset) -> str:
    """Where a data set has other numbers than its benchmark publishes, a sentence that says so; else ''."""
    sizes = OFFICIAL.get(type(dataset).__name__)
    if sizes is None or getattr(dataset, 'exclude', None):  # those are left out of what is published
        return ''
    files = [Path(path) for path in getattr(dataset, 'split_file', dataset.source).split(', ')]
    if any((folder / MANIFEST).is_file() for path in files for folder in path.parents):
        return ''
    found = len(dataset)
    match type(dataset).__name__:
        case 'RefCOCO':
            parts = [f'{path.parent.name}/{dataset.split}' for path in files]
        case 'GLUE':
            parts = [f'{dataset.metainfo["task"]}/{path.stem}' for path in files]
        case 'TGIFFrameQA':
            parts = ['test' if dataset.split == 'test' else 'train+val']  # either part of the training file
            found = len(read_columns(dataset.ann_file, ['question'], delimiter='\t'))
        case 'ImageNet':
            parts = ['train' if dataset.solution is None else 'val']
        case 'Gigaword':
            parts = [Path(dataset.documents).stem]
        case _:
            parts = [dataset.split] if hasattr(dataset, 'split') else [path.stem for path in files]
    if not set(parts) <= set(sizes):
        return ''
    wanted = sum(sizes[part] for part in parts)
    if getattr(dataset, 'each', 'sample') == 'caption':
        found = len({dataset.record(index)['sample_id'] for index in range(len(dataset))})
    return '' if found == wanted else f'{", ".join(parts)}: {found} samples, but {wanted} are published; are the files whole?'


def datasets(cfg: Any) -> dict[str, Dataset]:
    """The data sets of a config by 'train', 'val' and 'test', without their pipelines; those of an interleaved stream by
    'train/<source>'."""
    found = {}
    for part in ('train', 'val', 'test'):
        loader = cfg.get(f'{part}_dataloader')
        if loader:
            sources = loader.dataset.get('sources')
            parts = (
                {f'{part}/{name}': source.dataset for name, source in sources.items()} if sources else {part: loader.dataset}
            )
            found |= {name: _without_pipeline(dataset) for name, dataset in parts.items()}
    return found


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
        args.list.write_text(''.join(f'{path}\n' for path in missing))
    sys.exit(bool(missing))


if __name__ == '__main__':
    main()
