"""Headline generation: Gigaword."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import Files, as_list, read_text
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

_UNKNOWN = re.compile(r'<unk>|\bUNK\b')  # training files write the one, the test file the other


@DATASETS.register_module()
class Gigaword(MultiModalDataset):
    """Articles' first sentences and their headlines, from the files of Rush et al., 2015; line n of one belongs to line n.

    Fields: ``document`` and ``summaries`` (a list; empty without `target`). The corpus is lower-cased with digits as ``#``;
    both spellings of an unknown word become ``unk``. In training, pairs with an empty side are left out.

    Args:
        source: file of the texts. target: file of the summaries; several hold further references (as DUC 2004 has them).
        kwargs: of `MultiModalDataset`.
    """

    PUBLISHED = {'input': 1_951}  # training pairs without a text are left out

    def __init__(self, source: str, target: Files | None = None, test_mode: bool = False, **kwargs: Any) -> None:
        self.documents, self.targets = str(source), as_list(target)
        self.keeps_all = test_mode
        super().__init__(test_mode=test_mode, **kwargs)

    @property
    def source(self) -> str:
        return ', '.join([self.documents, *self.targets])

    def load_records(self) -> list[dict]:
        documents = _lines(self.documents)
        columns = [_lines(path) for path in self.targets]
        for path, column in zip(self.targets, columns, strict=True):
            if len(column) != len(documents):
                raise AnnotationError(
                    f'{path} has {len(column)} lines, but {self.documents} has {len(documents)}: line n belongs to line n'
                )
        records = []
        for number, document in enumerate(documents):
            summaries = [column[number] for column in columns]
            if document and all(summaries):
                records.append(dict(sample_id=number, media='text', document=document, summaries=summaries))
            elif self.keeps_all:
                raise AnnotationError(f'{self.source}: line {number + 1} is empty, but a test scores every pair')
        return records

    def published_splits(self) -> list[str]:
        return [Path(self.documents).stem]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        name = Path(cfg['source']).name
        part = 'train' if 'train' in name else 'dev' if 'valid' in name else 'test'
        return dict(source=mini.path(f'gigaword/{part}.src.txt'), target=mini.path(f'gigaword/{part}.tgt.txt'))


def _lines(path: str) -> list[str]:
    """Lines of a file without blanks around them.

    Raises:
        FileNotFoundError: no such file.
    """
    # Not splitlines: texts have characters that it treats as line ends.
    return [_UNKNOWN.sub('unk', line).strip() for line in read_text(path).removesuffix('\n').split('\n')]
