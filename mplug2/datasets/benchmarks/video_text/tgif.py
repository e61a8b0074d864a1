"""TGIF-QA's FrameQA: questions about animated GIFs that a single frame answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import read_columns, read_records

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

TYPES = ('object', 'number', 'color', 'location')
SPLITS = ('train', 'val', 'train+val', 'test')
_VAL_SHARE, _VAL_SEED = 10, 0


@DATASETS.register_module()
class TGIFFrameQA(MultiModalDataset):
    """FrameQA from the official, tab-separated ``{Train,Test}_frameqa_question.csv`` (39,392 and 13,691 questions).

    The benchmark has no validation split: 'val' is every question about a tenth of the training file's GIFs, sampled once for
    all. GIFs are ``data_prefix/tumblr_nk172bbdPI1u1lr18o1_250.mp4``: ``tools/data/tgif.py`` converts them to
    clips, which decode much faster. Fields: ``question``, ``question_id``, ``answers`` (a list of one), ``question_type`` (of
    `TYPES`).

    Args:
        ann_file: the training or test file. split: 'train', 'val' or 'train+val' of the training file, 'test' of the other.
        suffix: of the clips' names; '.gif' reads the GIFs themselves. kwargs: of `MultiModalDataset`.
    """

    PUBLISHED = {'train+val': 39_392, 'test': 13_691}

    def __init__(self, ann_file: str, split: str, suffix: str = '.mp4', **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'TGIFFrameQA: split is one of {", ".join(map(repr, SPLITS))}, not {split!r}')
        self.ann_file, self.split, self.suffix = ann_file, split, suffix
        super().__init__(**kwargs)

    def load_records(self) -> list[dict]:
        columns = ('gif_name', 'question', 'answer', 'type')
        table = read_columns(self.ann_file, columns, delimiter='\t')
        names = sorted({name for name, *_ in table})
        validation = np.random.default_rng(_VAL_SEED).permutation(len(names))[: len(names) // _VAL_SHARE]
        held_out = {names[index] for index in validation.tolist()}
        records = []
        for number, (name, question, answer, kind) in enumerate(table):
            if self.split in ('train', 'val') and (name in held_out) != (self.split == 'val'):
                continue
            record = dict(sample_id=number, media='video', path=name + self.suffix, question=question, question_id=number)
            kind = TYPES[int(kind)] if kind.isdecimal() and int(kind) < len(TYPES) else 'other'
            records.append(record | dict(answers=[answer], question_type=kind))
        return records

    def published_splits(self) -> list[str]:
        return ['test' if self.split == 'test' else 'train+val']  # either part of the training file

    def published_count(self) -> int:
        return len(read_columns(self.ann_file, ['question'], delimiter='\t'))

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part = 'test' if cfg['split'] == 'test' else 'train'
        lines = ['gif_name\tquestion\tanswer\ttype\tvid_id']
        for record in read_records(mini.path(f'msrvtt_qa/{part}_qa.json')):
            lines.append(f'video{record["video_id"]}\t{record["question"]}\t{record["answer"]}\t{record["id"] % 4}\tFRAMEQA')
        file = mini.write(f'frameqa_{part}.csv', '\n'.join(lines))
        return dict(ann_file=file, data_prefix=mini.path('msrvtt/videos'), suffix='.mp4')
