"""GLUE: the six tasks of natural language understanding that the paper reports."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from mmengine.logging import MMLogger

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import Files, as_list, read_columns
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


class GlueTask(NamedTuple):
    """texts, label: columns. classes: the labels as in the files and submissions; their indices are our labels.

    broken: share of rows that may lack columns and are left out; some published files have such rows.
    """

    texts: tuple[str, ...]
    label: str
    classes: tuple[str, ...]
    broken: float = 0.0


_PAIR = ('sentence1', 'sentence2')
_ENTAILMENT = ('entailment', 'not_entailment')
GLUE_TASKS = {
    'sst2': GlueTask(('sentence',), 'label', ('0', '1')),
    'rte': GlueTask(_PAIR, 'label', _ENTAILMENT),
    'mrpc': GlueTask(('#1 String', '#2 String'), 'Quality', ('0', '1')),
    'qqp': GlueTask(('question1', 'question2'), 'is_duplicate', ('0', '1'), broken=0.001),
    'mnli': GlueTask(_PAIR, 'gold_label', ('entailment', 'neutral', 'contradiction')),
    'qnli': GlueTask(('question', 'sentence'), 'label', _ENTAILMENT),
}


@DATASETS.register_module()
class GLUE(MultiModalDataset):
    """A task of GLUE from its official TSV files.

    Fields: ``sentence1`` and, for tasks over pairs, ``sentence2``, under any column names; ``label``, the index of the
    label in ``metainfo['classes']``, None in files without labels (test splits); ``index``, as in submissions; ``subset``
    ('matched' or 'mismatched') for those files of MNLI.

    Args:
        task: 'sst2', 'rte', 'mrpc', 'qqp', 'mnli' or 'qnli'. ann_file: one file or several (MNLI has two to test on).
        kwargs: of `MultiModalDataset`.
    """

    PUBLISHED = {
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
    }

    def __init__(self, task: str, ann_file: Files, metainfo: dict | None = None, **kwargs: Any) -> None:
        if task not in GLUE_TASKS:
            raise ValueError(f'GLUE: task is one of {", ".join(map(repr, GLUE_TASKS))}, not {task!r}')
        self.task, self.files = GLUE_TASKS[task], as_list(ann_file)
        super().__init__(metainfo=dict(task=task, classes=self.task.classes) | (metainfo or {}), **kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.files)

    def load_records(self) -> list[dict]:
        return [record for path in self.files for record in self._of_file(path)]

    def _of_file(self, path: str) -> Iterator[dict]:
        stem = Path(path).stem
        subset = next((name for name in ('mismatched', 'matched') if name in stem), None)
        for number, row in enumerate(_table(path, self.task)):
            index = _index(path, number, row)
            record = dict(sample_id=f'{stem}-{index}', media='text', index=index)
            record |= {f'sentence{position}': row[column] for position, column in enumerate(self.task.texts, start=1)}
            label = row.get(self.task.label)
            if label is not None and label not in self.task.classes:
                known = ', '.join(map(repr, self.task.classes))
                raise AnnotationError(f'{path}: row {number} has the {self.task.label} {label!r}; labels are {known}')
            record['label'] = None if label is None else self.task.classes.index(label)
            yield record | ({} if subset is None else dict(subset=subset))

    def published_splits(self) -> list[str]:
        return [f'{self.metainfo["task"]}/{Path(path).stem}' for path in self.files]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        """RTE's files under the columns and labels of the task."""
        task, files = GLUE_TASKS[cfg['task']], []
        for number, name in enumerate(as_list(cfg['ann_file'])):
            part = 'train' if 'train' in Path(name).stem else 'dev'
            pairs = read_columns(mini.path(f'glue/RTE/{part}.tsv'), ['sentence1', 'sentence2', 'label'], '\t')[:8]
            lines = ['\t'.join(['index', *task.texts, task.label])]
            for row, (*texts, label) in enumerate(pairs):
                lines.append('\t'.join([str(row), *texts[: len(task.texts)], task.classes[label != 'entailment']]))
            files.append(mini.write(f'glue_{cfg["task"]}_{number}/{Path(name).name}', '\n'.join(lines)))
        return dict(ann_file=files)


def _index(path: str, number: int, row: dict[str, str]) -> int:
    index = row.get('index', row.get('id', str(number)))
    if not index.strip().isdecimal():
        raise AnnotationError(f'{path}: row {number} has the index {index!r}; expected a number')
    return int(index)


def _table(path: str, task: GlueTask) -> list[dict[str, str]]:
    """Rows of a TSV file with a header. Quotation marks have no meaning.

    Raises:
        FileNotFoundError: no such file. AnnotationError: a column of a text is missing, or a row lacks columns.
    """
    try:
        # Not splitlines: sentences have characters that it treats as line ends.
        lines = Path(path).read_bytes().decode('utf-8-sig').split('\n')
    except FileNotFoundError:
        raise FileNotFoundError(f'no annotation file {path}') from None
    columns = lines[0].rstrip('\r').split('\t')
    for column in task.texts:
        if column not in columns:
            raise AnnotationError(f'{path}: no column {column!r}; its columns are {", ".join(columns)}')
    rows_read, broken = [], []
    for number, line in enumerate(lines[1:]):
        cells = line.rstrip('\r').split('\t')
        if len(cells) == len(columns):
            rows_read.append(dict(zip(columns, cells, strict=True)))
        elif line.strip():
            broken.append(number)
    if len(broken) > task.broken * len(rows_read):
        raise AnnotationError(f'{path}: row {broken[0]} does not have the {len(columns)} columns of the header')
    if broken:
        MMLogger.get_current_instance().warning(f'{path}: {len(broken)} rows lack columns and are left out')
    return rows_read
