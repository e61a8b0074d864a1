"""Metrics of extractive question answering (SQuAD 1.1 and 2.0)."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import Any

from ..registry import METRICS
from .base import Metric, field, percent, write_json


def normalize_squad_answer(answer: str) -> str:
    """Lower case, without ASCII punctuation and articles, single blanks."""
    text = answer.lower().translate(str.maketrans('', '', string.punctuation))
    return ' '.join(re.sub(r'\b(?:a|an|the)\b', ' ', text).split())


def squad_scores(prediction: str, answers: Sequence[str]) -> tuple[float, float]:
    """Exact match and F1 of words, 0 to 1, each the best over the answers.

    A question without an answer (none given, or none but articles and punctuation) is right where the prediction is empty
    too.
    """
    said = normalize_squad_answer(prediction)
    expected = [normal for normal in map(normalize_squad_answer, answers) if normal] or ['']
    return float(said in expected), max(_word_f1(said.split(), normal.split()) for normal in expected)


def _word_f1(said: list[str], expected: list[str]) -> float:
    if not said or not expected:
        return float(said == expected)
    common = (Counter(said) & Counter(expected)).total()
    return 2 * common / (len(said) + len(expected))


def best_threshold(questions: Sequence[tuple[float, float, bool]]) -> tuple[float, float]:
    """The score in percent at the best null threshold, and that threshold: no answer is given to questions above it.

    Args:
        questions: by how much "no answer" scores above the best span, the score of that span, and whether there is no answer.
    """
    ordered = sorted(questions)
    score = float(sum(empty for *_, empty in ordered))  # answers to none
    best, threshold = score, ordered[0][0] - 1.0
    for place, (null, right, empty) in enumerate(ordered):
        score += right - empty
        if score > best and (place + 1 == len(ordered) or ordered[place + 1][0] > null):
            best, threshold = score, null
    return 100.0 * best / len(ordered), threshold


@METRICS.register_module()
class SQuADMetric(Metric):
    """``exact_match`` and ``F1`` in percent; where some questions have no answer also ``answerable/...`` and
    ``unanswerable/...``, and ``best_exact_match``, ``best_F1`` and ``best_F1_threshold``: the scores at the null threshold that
    is best for each on these very questions, as the official evaluation reports them, and that of F1.

    Reads ``answers`` (empty for a question without one), ``pred_answer`` (empty for "no answer"), for the best threshold
    ``pred_span`` and ``pred_null`` if they are there (see `TextQA`) and, for the prediction file, ``question_id``.

    Args:
        out_file: write the prediction file, ``{question_id: answer}``, here.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    result_names = ('exact_match', 'F1', '*answerable/exact_match', '*answerable/F1', 'best_*')
    references = ('answers',)

    def __init__(self, out_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file = out_file

    def is_labelled(self, sample: dict) -> bool:
        return sample.get('answers') is not None  # an empty list is the answer to an unanswerable question

    def score_sample(self, sample: dict) -> dict[str, float]:
        if not self.is_labelled(sample):
            return {}
        exact, overlap = squad_scores(sample['pred_answer'], sample['answers'])
        return dict(exact_match=100 * exact, F1=100 * overlap)

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            question_id = field(sample, 'question_id', self) if self.out_file is not None else None
            answers, said = field(sample, 'answers', self), field(sample, 'pred_answer', self)
            if answers is None and self.out_file is None:
                raise ValueError(
                    f'SQuADMetric: sample {sample.get("sample_id")!r} has no answers to score; for a test split give out_file'
                )
            span = (sample['pred_span'], float(sample['pred_null'])) if 'pred_null' in sample else None
            self.results.append((question_id, said, None if answers is None else list(answers), span))

    def compute_metrics(self, results: list) -> dict[str, float]:
        if self.out_file is not None:
            write_json({question_id: answer for question_id, answer, *_ in results}, self.out_file)
        results = [result for result in results if result[2] is not None]
        if not results:
            return {}
        scores = [(bool(answers), *squad_scores(said, answers)) for _, said, answers, _ in results]
        groups = {'': scores}
        if not all(answerable for answerable, *_ in scores):
            groups['answerable/'] = [score for score in scores if score[0]]
            groups['unanswerable/'] = [score for score in scores if not score[0]]
        metrics = {}
        for prefix, members in groups.items():
            metrics[f'{prefix}exact_match'] = percent([exact for _, exact, _ in members])
            metrics[f'{prefix}F1'] = percent([overlap for *_, overlap in members])
        if len(groups) > 1 and all(span is not None for *_, span in results):
            spans = [(null, squad_scores(span, answers), not answers) for _, _, answers, (span, null) in results]
            metrics['best_exact_match'], _ = best_threshold([(null, exact, empty) for null, (exact, _), empty in spans])
            metrics['best_F1'], metrics['best_F1_threshold'] = best_threshold(
                [(null, overlap, empty) for null, (_, overlap), empty in spans]
            )
        return metrics
