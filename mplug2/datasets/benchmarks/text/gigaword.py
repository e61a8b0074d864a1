"""Headline generation: Gigaword."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import Files, as_list
from ...io.bad_samples import AnnotationError

_UNKNOWN = re.compile(r'<unk>|\bUNK\b')  # training files write the one, the test file the other


@DATASETS.register_module()
class Gigaword(MultiModalDataset):
    """Articles' first sentences and their headlines, from the files of Rush et al., 2015: a line a text, line n to line n.

    Fields: ``document`` and ``summaries`` (a list; empty without `target`). The corpus is lower-cased with digits as ``#``;
    both ways of writing an unknown word become ``unk``. In training, pairs of which a side is empty are left out.

    Args:
        source: file of the texts. target: file of the summaries; several hold further references (as DUC 2004 has them).
        kwargs: of `MultiModalDataset`.
    """

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


def _lines(path: str) -> list[str]:
    """Lines of a file without blanks around them.

    Raises:
        FileNotFoundError: no such file.
    """
    try:
        text = Path(path).read_bytes().decode('utf-8-sig')
    except FileNotFoundError:
        raise FileNotFoundError(f'no annotation file {path}') from None
    # Not splitlines: texts hold characters that Python takes for ends of lines.
    return [_UNKNOWN.sub('unk', line).strip() for line in text.removesuffix('\n').split('\n')]
