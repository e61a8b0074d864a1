"""Texts and pairs of texts with BERT's separators, for language tasks: `bert_pair` tokenization with types and offsets."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import numpy as np

from ...registry import TRANSFORMS
from ...text.instructions import instruction
from ...text.tokenizer import PairEncoding
from ..io.bad_samples import BadSampleError
from .text import Tokenizing

if TYPE_CHECKING:
    from ...testing.tiny import TinySize
    from ..shapes import SampleShape

Place = tuple[int, int]


class _Pairing(Tokenizing):
    """A tokenizer with ``encode_pair``, by config, and the words before the first text."""

    def __init__(self, tokenizer: dict | Any, task: str | None) -> None:
        super().__init__(tokenizer)
        self.instruction = task

    def instructed(self, results: dict, text: str) -> str:
        return text if self.instruction is None else f'{instruction(self.instruction, results["media"])} {text}'


@TRANSFORMS.register_module()
class TokenizePair(_Pairing):
    """One text or a pair -> ``[CLS] a [SEP]`` or ``[CLS] a [SEP] b [SEP]`` with types.

    Args:
        tokenizer: config. first, second: keys of the texts; without a second, the first alone. instruction: name or text of an
            instruction (`mplug2.text.instruction`), which comes before the first text; None puts none. max_length: tokens; the
            longer text loses the rest. out: key of the result.
    """

    def __init__(
        self,
        tokenizer: dict | Any,
        first: str,
        second: str | None = None,
        instruction: str | None = None,
        max_length: int | None = None,
        out: str = 'text',
    ) -> None:
        super().__init__(tokenizer, instruction)
        self.first, self.second, self.max_length, self.out = first, second, max_length, out

    def transform(self, results: dict) -> dict:
        first = self.instructed(results, self.value(results, self.first))
        second = None if self.second is None else self.value(results, self.second)
        results[self.out] = self.tokenizer.encode_pair(first, second, self.max_length)
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        return shape._replace(text=cfg.get('max_length') or shape.text) if cfg.get('out', 'text') == 'text' else shape


@TRANSFORMS.register_module()
class AnswerWindows(_Pairing):
    """A question and a text, which may be longer than the network reads -> windows ``[CLS] question [SEP] part of it [SEP]``.

    ``text``: a list of `PairEncoding`; in training one window, sampled at random, in tests all of them, which the collate puts
    below each other. ``span``: in training, the first and last token of the answer in that window, (0, 0) if it is not wholly
    there. ``windows``: in tests, for each window and token the characters (start, end) of the text, None outside it.

    Args:
        tokenizer: config. question, context: keys of the texts; answers are ``answers`` and ``answer_starts``.
        instruction: as in `TokenizePair`. max_length: tokens of a window. stride: tokens of the text from the start of a window
            to that of the next. max_question: tokens of the question with its instruction; the rest is cut.

    Raises:
        ValueError: the stride would leave tokens out. BadSampleError: the text has no token.
    """

    def __init__(
        self,
        tokenizer: dict | Any,
        question: str = 'question',
        context: str = 'context',
        instruction: str | None = None,
        max_length: int = 384,
        stride: int = 128,
        max_question: int = 64,
    ) -> None:
        super().__init__(tokenizer, instruction)
        self.question, self.context = question, context
        self.max_length, self.stride, self.max_question = max_length, stride, max_question

    def transform(self, results: dict) -> dict:
        windows, places = self.split(
            self.instructed(results, self.value(results, self.question)), self.value(results, self.context)
        )
        if results['test_mode']:
            results['text'], results['windows'] = windows, places
            return results
        number = random.randrange(len(windows))
        results['text'] = [windows[number]]
        results['span'] = np.array(_span(places[number], results), dtype=np.int64)
        return results

    def split(self, question: str, context: str) -> tuple[list[PairEncoding], list[list[Place | None]]]:
        """Windows, and where their tokens are in the context."""
        whole = self.tokenizer.encode_pair(question, context)
        inside = [
            row for row, (kind, place) in enumerate(zip(whole.token_type_ids, whole.offsets, strict=True)) if kind and place[1]
        ]
        if not inside:
            raise BadSampleError(f'AnswerWindows: the text {context!r} has no token in which an answer could be')
        first, last = inside[0], inside[-1] + 1
        words = [row for row in range(first) if whole.offsets[row][1]]
        cut = words[self.max_question] if len(words) > self.max_question else words[-1] + 1 if words else first
        before = [row for row in range(first) if row < cut or (words and row > words[-1])]
        after = list(range(last, len(whole.ids)))
        room = self.max_length - len(before) - len(after)
        if self.stride > room and last - first > room:
            raise ValueError(
                f'AnswerWindows: a window of {self.max_length} tokens has room for {room} of the text, so a stride of '
                f'{self.stride} would leave some out: make max_length larger, or stride or max_question smaller'
            )
        windows, places = [], []
        for start in range(first, last, self.stride):
            part = range(start, min(start + room, last))
            rows = [*before, *part, *after]
            windows.append(PairEncoding(*([values[row] for row in rows] for values in whole)))
            places.append([*[None] * len(before), *(whole.offsets[row] for row in part), *[None] * len(after)])
            if part.stop == last:
                break
        return windows, places

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        return shape._replace(text=cfg.get('max_length', 384))

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.update(max_length=tiny.max_length, stride=tiny.max_length // 2)


def _span(places: list[Place | None], results: dict) -> tuple[int, int]:
    """First and last token of the first answer, (0, 0) where it is not wholly within the window."""
    if not results['answers']:
        return 0, 0
    start = results['answer_starts'][0]
    end = start + len(results['answers'][0])
    inside = [row for row, place in enumerate(places) if place is not None]
    if start < places[inside[0]][0] or end > places[inside[-1]][1]:
        return 0, 0
    held = [row for row in inside if places[row][1] > start and places[row][0] < end]
    return (held[0], held[-1]) if held else (0, 0)
