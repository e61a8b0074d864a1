"""Text without images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import Files, as_list, read_text

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


@DATASETS.register_module()
class TextCorpus(MultiModalDataset):
    """Texts from plain files, one a line; for corpora that fit in memory (`PackedText` reads others).

    Fields: ``text``.

    Args:
        files: one file or several, UTF-8; empty lines are left out. kwargs: of `MultiModalDataset`.
    """

    def __init__(self, files: Files, **kwargs: Any) -> None:
        self.files = as_list(files)
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.files)

    def load_records(self) -> list[dict]:
        records = []
        for path in self.files:
            for number, line in enumerate(read_text(path).split('\n'), 1):
                if line.strip():
                    records.append(dict(sample_id=f'{path}:{number}', media='text', text=line.strip()))
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        return dict(files=mini.path('corpus/corpus.txt'))
