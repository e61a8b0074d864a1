"""Metrics of predicted answers: VQA accuracy and exact match."""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from ..registry import METRICS
from ..text.cleaning import clean_caption
from .base import Metric, field, percent, write_json

_PUNCTUATION = ';/[]"{}()=+\\_-><@`,?!'  # neither apostrophe nor colon
_NUMBERS = {'none': '0', 'zero': '0', 'one': '1', 'two': '2', 'three': '3', 'four': '4', 'five': '5', 'six': '6'}
_NUMBERS |= {'seven': '7', 'eight': '8', 'nine': '9', 'ten': '10'}
_ARTICLES = frozenset(['a', 'an', 'the'])

# The contractions whose apostrophe the official evaluation restores where one is missing. (Forms that are words of their
# own without it, such as we'd and i'll, are not among them.)
_CONTRACTIONS = (
    "ain't aren't can't could've couldn't couldn't've didn't doesn't don't hadn't hadn't've hasn't haven't he'd he'd've he's "
    "how'd how'll how's isn't it'd it'd've it'll ma'am mightn't mightn't've might've mustn't must've needn't not've o'clock "
    "oughtn't 'ow's'at shan't she'd've should've shouldn't shouldn't've somebody'd've somebody'll somebody's someone'd "
    "someone'd've someone'll someone's something'd something'd've something'll that's there'd there'd've there're there's "
    "they'd they'd've they'll they're they've 'twas wasn't we'd've we've weren't what'll what're what's what've when's where'd "
    "where's where've who'd who'd've who'll who's who've why'll why're why's won't would've wouldn't wouldn't've y'all "
    "y'all'll y'all'd've you'd you'd've you'll you're you've"
)


def _without_one_apostrophe(word: str) -> list[str]:
    return [word[:place] + word[place + 1 :] for place, sign in enumerate(word) if sign == "'"]


_RESTORED = {bare: word for word in _CONTRACTIONS.split() for bare in _without_one_apostrophe(word)}
_RESTORED["somebody'd"] = 'somebodyd'  # so it stands in the official table


def normalize_vqa_answer(answer: str) -> str:
    """Normalise an answer as the VQA v2 evaluation does.

    Punctuation goes (or becomes a blank, where it stands between two letters), so do full stops outside numbers and
    articles; number words become digits; apostrophes of common contractions are restored; all is lower case.
    """
    joins = re.search(r'\d,\d', answer) is not None
    text = answer
    for sign in _PUNCTUATION:
        text = text.replace(sign, '' if joins or f'{sign} ' in answer or f' {sign}' in answer else ' ')
    text = re.sub(r'\.(?!\d)', '', text)
    words = (_NUMBERS.get(word, word) for word in text.lower().split())
    return ' '.join(_RESTORED.get(word, word) for word in words if word not in _ARTICLES)


def vqa_accuracy(prediction: str, answers: Sequence[str]) -> float:
    """VQA accuracy, 0 to 1: min(matches / 3, 1), averaged over the subsets that leave one annotator out.

    As in the official code, answers and prediction are normalised only where the annotators disagree.
    """
    prediction, *answers = (re.sub(r'[\n\t]', ' ', text).strip() for text in (prediction, *answers))
    if len(set(answers)) > 1:
        prediction, *answers = (normalize_vqa_answer(text) for text in (prediction, *answers))
    matches = [answer == prediction for answer in answers]
    return sum(min((sum(matches) - match) / 3, 1) for match in matches) / len(matches)


def _by_kind(scores: Sequence[tuple[Any, float]]) -> dict[str, float]:
    """``accuracy`` over all and ``accuracy/<kind>`` over each kind that is not None, in percent."""
    kinds: dict[str, list[float]] = defaultdict(list)
    for kind, score in scores:
        if kind is not None:
            kinds[f'accuracy/{kind}'].append(score)
    return {'accuracy': percent([score for _, score in scores])} | {key: percent(kinds[key]) for key in sorted(kinds)}


@METRICS.register_module()
class VQAMetric(Metric):
    """VQA v2 accuracy in percent: ``accuracy``, and ``accuracy/<answer type>`` where samples carry ``answer_type``.

    Reads ``pred_answer``, ``answers`` (those of the ten annotators), ``answer_type`` if it is there, and ``question_id``
    for the submission. Samples of a test split, which have no answers, are written but not scored.

    Args:
        out_file: write the submission, ``[{"question_id", "answer"}]``, here.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    result_names = ('accuracy', 'accuracy/*')
    references = ('answers',)
    per_sample = True

    def __init__(self, out_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            question_id = field(sample, 'question_id', self) if self.out_file is not None else None
            answers = list(sample.get('answers') or [])
            if not answers and self.out_file is None:
                raise ValueError(
                    f'VQAMetric: sample {sample.get("sample_id")!r} has no answers to score; for a test split give out_file'
                )
            self.results.append((question_id, field(sample, 'pred_answer', self), answers, sample.get('answer_type')))

    def compute_metrics(self, results: list) -> dict[str, float]:
        if self.out_file is not None:
            records = [dict(question_id=question_id, answer=answer) for question_id, answer, *_ in results]
            write_json(records, self.out_file)
        scores = [(kind, vqa_accuracy(said, answers)) for _, said, answers, kind in results if answers]
        return _by_kind(scores) if scores else {}


def normalize_answer(answer: str) -> str:
    """An answer in lower case without accents and punctuation; a hyphen or slash becomes a blank, and blanks are single.

    So ``T-shirt`` as it is annotated, and ``t - shirt`` and ``t shirt`` as lists and word pieces write it, are one.
    """
    bare = ''.join(sign for sign in unicodedata.normalize('NFD', answer) if unicodedata.category(sign) != 'Mn')
    return clean_caption(bare)


@METRICS.register_module()
class ExactMatch(Metric):
    """Share of answers, in percent, equal to an expected one, both as `normalize_answer` makes them (open-ended video QA).

    Results: ``accuracy``, and ``accuracy/<question type>`` where samples carry ``question_type``.
    Reads ``pred_answer``, ``answers`` (one or more; None in a test split without them: written, not scored), ``question_type``
    if it is there, and for the file ``question_id`` (else ``sample_id``).

    Args:
        out_file: write ``[{"question_id", "answer"}]`` here.
        collect_device, prefix, collect_dir: as in MMEngine's `BaseMetric`.
    """

    result_names = ('accuracy', 'accuracy/*')
    references = ('answers',)
    per_sample = True

    def __init__(self, out_file: str | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.out_file = out_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        for sample in data_samples:
            answers, answer = field(sample, 'answers', self), field(sample, 'pred_answer', self)
            if answers is None and self.out_file is None:
                raise ValueError(
                    f'ExactMatch: sample {sample.get("sample_id")!r} has no answers to score; for a test split give out_file'
                )
            expected = None if answers is None else {normalize_answer(answer) for answer in answers}
            record = dict(question_id=sample.get('question_id', sample.get('sample_id')), answer=answer)
            score = None if expected is None else float(normalize_answer(answer) in expected)
            self.results.append((sample.get('question_type'), score, record))

    def compute_metrics(self, results: list) -> dict[str, float]:
        if self.out_file is not None:
            write_json([record for *_, record in results], self.out_file)
        scores = [(kind, score) for kind, score, _ in results if score is not None]
        return _by_kind(scores) if scores else {}
