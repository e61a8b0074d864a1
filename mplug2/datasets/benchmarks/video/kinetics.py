"""Kinetics: clips and their actions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import Files, as_list, read_lines
from ...io.bad_samples import AnnotationError


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
