"""Extractive question answering: SQuAD 1.1 and 2.0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import KEY, Files, as_list, read_json, rows, section
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

_SHIFTS = (0, -1, 1, -2, 2)  # some official answers start one or two characters off the stored position


@DATASETS.register_module()
class SQuAD(MultiModalDataset):
    """SQuAD from its official JSON files, one sample for each question.

    Fields: ``question``, ``question_id``, ``context``, ``answers`` (a list of texts, empty if the question is unanswerable, in
    version 2.0; None in a hidden test set) and ``answer_starts`` (the character of the context at which each answer starts).

    Args:
        ann_file: one file or several. max_words: leave out contexts with more words, for training that starts with
            short ones. kwargs: of `MultiModalDataset`.
    """

    PUBLISHED = {'train-v1.1': 87_599, 'dev-v1.1': 10_570, 'train-v2.0': 130_319, 'dev-v2.0': 11_873}

    def __init__(self, ann_file: Files, max_words: int | None = None, **kwargs: Any) -> None:
        self.files = as_list(ann_file)
        self.max_words = max_words
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.files)

    def load_records(self) -> list[dict]:
        records = []
        for path in self.files:
            articles = section(path, read_json(path), 'data')
            for number, (paragraphs,) in enumerate(rows(path, articles, dict(paragraphs=list), 'article')):
                for context, questions in rows(path, paragraphs, dict(context=str, qas=list), f'article {number}, paragraph'):
                    if self.max_words is not None and len(context.split()) > self.max_words:
                        continue
                    records += _questions(path, context, questions, self.test_mode)
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        return dict(ann_file=mini.path(f'squad/{"train" if "train" in str(cfg["ann_file"]) else "dev"}-v2.0.json'))


def _questions(path: str, context: str, questions: list[dict], test_mode: bool) -> list[dict]:
    records = []
    for number, (key, question) in enumerate(rows(path, questions, dict(id=KEY, question=str), 'question')):
        if test_mode and 'answers' not in questions[number]:  # a hidden test set, to be predicted
            hidden = dict(answers=None, answer_starts=None)
            records.append(dict(sample_id=key, media='text', question=question, question_id=key, context=context) | hidden)
            continue
        ((answers,),) = rows(path, [questions[number]], dict(answers=list), f'question {key}, record')
        record = dict(sample_id=key, media='text', question=question, question_id=key, context=context)
        texts, starts = [], []
        for text, start in rows(path, answers, dict(text=str, answer_start=int), f'question {key}, answer'):
            candidates = [start + shift for shift in _SHIFTS if start + shift >= 0]
            true_start = next((candidate for candidate in candidates if context.startswith(text, candidate)), None)
            if true_start is None:
                raise AnnotationError(f'{path}: question {key}: its context has no {text!r} at character {start}')
            texts.append(text)
            starts.append(true_start)
        records.append(record | dict(answers=texts, answer_starts=starts))
    return records
