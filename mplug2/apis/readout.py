"""From what tasks compute to the fields of results."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..datasets.collate import pad
from ..modules.generation import Generation, Hypothesis
from ..tasks import GenerativeTask
from ..tasks.generative import TextGenerator
from .results import Candidate, Result

COMMON = ('start', 'end', 'segment', 'batch_size', 'progress', 'out_dir', 'show')  # keywords of every method
TOP_CLASSES = 5


def split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The common keywords, and settings of `Generation`.

    Raises:
        TypeError: a keyword that is neither.
    """
    run = {key: value for key, value in options.items() if key in COMMON}
    settings = {key: value for key, value in options.items() if key not in COMMON}
    known = [entry.name for entry in dataclasses.fields(Generation) if entry.name != 'num_return']
    unknown = sorted(set(settings) - set(known))
    if unknown:
        raise TypeError(f'no keyword {", ".join(unknown)}; there are {", ".join((*COMMON, *known))}')
    return run, settings


def generator_of(task: GenerativeTask, settings: Mapping[str, Any], n_best: int) -> TextGenerator:
    """The task's own, with other settings."""
    generator = copy.copy(task.generator)
    changed = dataclasses.replace(generator.settings, num_return=n_best, **settings)
    if changed.temperature is None and changed.num_beams < n_best:
        changed = dataclasses.replace(changed, num_beams=n_best)
    generator.settings = changed
    return generator


def read_texts(
    generator: TextGenerator, hypotheses: list[list[Hypothesis]], tidy: Callable[[str], str] = str
) -> list[dict[str, Any]]:
    return [best_of([Candidate(tidy(generator.text(one)), one.score) for one in sample]) for sample in hypotheses]


def embedding_of(result: Result | Iterator[Result]) -> np.ndarray:
    """Of the result of one input (E,)."""
    assert isinstance(result, Result)
    assert result.embedding is not None
    return result.embedding


def results_of(results: Result | Iterator[Result]) -> Iterator[Result]:
    """Those of several inputs."""
    assert not isinstance(results, Result)
    return results


def best_of(candidates: list[Candidate]) -> dict[str, Any]:
    return dict(text=candidates[0].text, score=candidates[0].score, candidates=candidates if len(candidates) > 1 else [])


def read_classes(scores: Tensor, names: Sequence[str]) -> list[dict[str, Any]]:
    """The likeliest classes of each row (B, K)."""
    top = scores.float().topk(min(TOP_CLASSES, scores.shape[1]), 1)
    rows = zip(top.indices.tolist(), top.values.tolist(), strict=True)
    return [best_of([Candidate(names[place], score) for place, score in zip(*row, strict=True)]) for row in rows]


def encode_answers(tokenizer: Any, answers: Sequence[str], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids (A, L) of answers and their mask."""
    ids, mask = pad([tokenizer.encode_target(answer)[0] for answer in answers], value=tokenizer.pad_id)
    return ids.to(device), mask.to(device)
