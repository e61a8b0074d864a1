"""Lists of answers to choose from."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from pathlib import Path


def read_answers(path: str | Path) -> list[str]:
    """Answers of a file: a JSON list of texts, or one a line.

    Raises:
        FileNotFoundError: no such file; names the tool that writes one. ValueError: no list of texts, an empty one, or one
            with an answer twice.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'no answer list {path}: write one with tools/dataset_converters/answer_list.py CONFIG {path}, or leave answers '
            'out of the task to generate freely'
        )
    text = path.read_text(encoding='utf-8')
    answers = json.loads(text) if path.suffix == '.json' else [line.strip() for line in text.splitlines() if line.strip()]
    if not isinstance(answers, list) or not answers or not all(isinstance(answer, str) for answer in answers):
        raise ValueError(f'{path}: expected a JSON list of answers, each a text')
    twice = [answer for answer, count in Counter(answers).items() if count > 1]
    if twice:
        raise ValueError(f'{path}: {len(twice)} answers occur more than once, such as {twice[0]!r}')
    return answers


def common_answers(answers: Iterable[Iterable[str]], top: int | None = None, least: int = 1) -> list[tuple[str, int]]:
    """Distinct answers and how many samples give them, the commonest first.

    Args:
        answers: of each sample. top: how many to keep; None keeps all. least: samples that must give an answer.
    """
    counts = Counter(answer for one in answers for answer in set(one))
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [item for item in ordered if item[1] >= least][:top]
