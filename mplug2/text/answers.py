"""Answers to questions: answer lists, and the form in which answers are scored."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

# Blanks that word pieces leave around signs inside an answer. Official evaluations compare the signs as annotated.
_JOINS = [
    (re.compile(pattern), joined)
    for pattern, joined in (
        (r'(?<=\d)( : |\. )(?=\d)', lambda match: match.group().strip()),  # 11 : 55, 2. 5
        (r'(?<=\d), (?=\d{3}\b)', ','),  # 1, 000
        (r'(?<=\w) ([-/]) (?=\w)', r'\1'),  # t - shirt, 1 / 2
        (r'(?<=\d) ([%$])(?! \d)', r'\1'),  # 2 % milk
        (r'([$.]|^-) (?=\d)', r'\1'),  # $ 5, . 5, - 3
        (r'# (?=\w)', '#'),  # # 1
        (r'\b([a-z]) & (?=\w)|(?<=\w) & (?=[a-z]\b)', lambda match: match.group().replace(' ', '')),  # at & t
        (r'\b([a-z])\. (?=[a-z]\b)', r'\1.'),  # p. m.
        (r'\bwww\. |\. (?=(com|org|net|edu|gov)\b)', lambda match: match.group().strip()),
        (r'(?<=\w) :(?!\S)', ':'),
        (r"(?<=s) '$", "'"),  # girls '
        (r"(?<=s)'(?=(?!ll\b|re\b|ve\b)\w\w)", "' "),  # girls'room
        (r"(?<!\S)' (?=\w)", "'"),
    )
]


def read_answers(path: str | Path) -> list[str]:
    """Answers of a file: a JSON list of texts, or one a line.

    Raises:
        FileNotFoundError: no such file; names the tool that writes one. ValueError: not a list of texts, an empty one, or one
            with an answer twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'no answer list {path}: write one with tools/data/answer_list.py CONFIG {path}, or leave answers '
            'out of the task to generate freely'
        )
    text = path.read_text(encoding='utf-8-sig')
    answers = json.loads(text) if path.suffix == '.json' else [line.strip() for line in text.split('\n') if line.strip()]
    if not isinstance(answers, list) or not answers or not all(isinstance(answer, str) for answer in answers):
        raise ValueError(f'{path}: expected a JSON list of answers, each a text')
    repeated = [answer for answer, count in Counter(answers).items() if count > 1]
    if repeated:
        raise ValueError(f'{path}: {len(repeated)} answers occur more than once, such as {repeated[0]!r}')
    return answers


def common_answers(answers: Iterable[Iterable[str]], top: int | None = None, least: int = 1) -> list[tuple[str, int]]:
    """Distinct answers and how many samples give them, the most frequent first.

    Args:
        answers: of each sample. top: number to keep; None keeps all. least: samples that must give an answer.
    """
    counts = Counter(answer for sample_answers in answers for answer in set(sample_answers))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [item for item in ordered if item[1] >= least][:top]


def tidy_answer(text: str) -> str:
    """A decoded answer as people write it: ``11:55``, ``2.5``, ``#1``, ``t-shirt``; words alone are left as they are.

    Word pieces separate signs from words. Exact evaluations (VQA accuracy, where all annotators agree) do not join them again.
    """
    for pattern, joined in _JOINS:
        text = pattern.sub(joined, text)
    return text
