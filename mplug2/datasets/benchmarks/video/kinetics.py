"""Kinetics: clips and their actions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import Files, as_list, read_lines
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


@DATASETS.register_module()
class Kinetics(MultiModalDataset):
    """Kinetics-400, 600, 700 and their mixture, from lists as mmaction2 reads them: a path and a label a line.

    `tools/data/kinetics.py` writes them. Fields: ``label``.

    Args:
        ann_file: one list or several. kwargs: of `MultiModalDataset`.

    Raises:
        AnnotationError: a line is not a path and a number.
    """

    def __init__(self, ann_file: Files, **kwargs: Any) -> None:
        self.ann_file = as_list(ann_file)
        super().__init__(**kwargs)

    def load_records(self) -> list[dict]:
        records = []
        for file in self.ann_file:
            for number, line in enumerate(read_lines(file), start=1):
                path, _, label = line.rpartition(' ')
                if not path or not label.isdecimal() or path.rpartition(' ')[2].isdecimal():
                    raise AnnotationError(f"{file}: entry {number} is {line!r}; expected a path and one label, as 'a/b.mp4 12'")
                records.append(dict(sample_id=Path(path).stem, media='video', path=path, label=int(label)))
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part = next((part for part in ('train', 'val') if part in str(cfg['ann_file'])), 'test')
        return dict(ann_file=mini.path(f'kinetics/kinetics_{part}_list_videos.txt'), data_prefix=mini.path('msvd/videos'))
