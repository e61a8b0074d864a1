"""Shards of the mini benchmark, which replace data sets in shards in tests."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from ...text import BertTokenizer
from ..io.annotations import read_json
from .packed_text import DESCRIPTION, Packer, describe_packing, row_bytes
from .writing import ShardWriter

SAMPLES, PER_SHARD, LENGTH = 24, 10, 24


def _images(root: Path) -> Iterator[dict[str, bytes]]:
    for image in read_json(root / 'coco/annotations/dataset_coco.json')['images']:
        if image['split'] == 'train':
            content = (root / 'coco' / image['filepath'] / image['filename']).read_bytes()
            captions = [sentence['raw'] for sentence in image['sentences']]
            yield {'jpg': content, 'json': json.dumps(dict(captions=captions)).encode()}


def _clips(root: Path) -> Iterator[dict[str, bytes]]:
    info = read_json(root / 'msrvtt/train_val_videodatainfo.json')
    for video, caption in {sentence['video_id']: sentence['caption'] for sentence in info['sentences']}.items():
        yield {'mp4': (root / f'msrvtt/videos/{video}.mp4').read_bytes(), 'txt': caption.encode()}


def _rows(root: Path) -> Iterator[dict[str, bytes]]:
    tokenizer = BertTokenizer('mini')
    packer = Packer(tokenizer, LENGTH)
    with open(root / 'corpus/corpus.txt', encoding='utf-8') as corpus:
        for document in corpus:
            for row in packer.add(document.strip()):
                yield {'npy': row_bytes(row, tokenizer.vocab_size)}


def _shards(root: Path, kind: str, samples: Iterator[dict[str, bytes]]) -> str:
    """A folder of shards, written once. Processes that write it at the same time write the same."""
    folder = root / 'tiny' / f'shards_{kind}'
    if not folder.is_dir():
        part = folder.with_suffix(f'.{os.getpid()}')
        part.mkdir(parents=True)
        listed = list(islice(samples, SAMPLES))
        for first in range(0, len(listed), PER_SHARD):
            with ShardWriter(part / f'{first // PER_SHARD:05d}.tar') as shard:
                for number, sample in enumerate(listed[first : first + PER_SHARD], first):
                    shard.add(f'{number:09d}', sample)
        (part / DESCRIPTION).write_text(json.dumps(describe_packing(BertTokenizer('mini'), LENGTH)))
        try:
            part.rename(folder)
        except OSError:
            shutil.rmtree(part)
    return str(folder)


def pair_shards(root: Path, media: str) -> str:
    """Folder of images or clips, with captions."""
    return _shards(root, media, (_images if media == 'image' else _clips)(root))


def text_shards(root: Path) -> str:
    """Folder of packed text."""
    return _shards(root, 'text', _rows(root))
