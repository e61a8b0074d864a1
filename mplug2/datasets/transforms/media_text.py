"""Pairs of media and texts, for retrieval."""

from __future__ import annotations

import hashlib
import random
from typing import TYPE_CHECKING, Any

from ...registry import TRANSFORMS
from ...text.instructions import instruction
from .base import BaseTransform
from .text import TokenizeText

if TYPE_CHECKING:
    from ..shapes import SampleShape


@TRANSFORMS.register_module()
class ChooseText(BaseTransform):
    """One of a list of texts, at random in training and the first in tests: ``captions`` -> ``caption``.

    Args:
        key: of the list. out: of the chosen text.
    """

    def __init__(self, key: str = 'captions', out: str = 'caption') -> None:
        self.key, self.out = key, out

    def transform(self, results: dict) -> dict:
        texts = results[self.key]
        results[self.out] = texts[0] if results['test_mode'] else random.choice(texts)
        return results


@TRANSFORMS.register_module()
class TokenizeTexts(TokenizeText):
    """Every text of a list, each after the instruction -> a list of id lists, for a retrieval test.

    Arguments are those of `TokenizeText`; ``key`` names a list of texts, and ``out`` is 'texts' if not given.
    """

    def __init__(self, *args: Any, out: str = 'texts', **kwargs: Any) -> None:
        super().__init__(*args, out=out, **kwargs)

    def transform(self, results: dict) -> dict:
        start = [] if self.instruction is None else [instruction(self.instruction, results['media'])]
        texts = [' '.join([*start, self.clean(text)]) for text in self.value(results, self.key)]
        results[self.out] = [self.tokenizer.encode(text, self.max_length) for text in texts]
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        return shape  # no training batch has lists of texts


@TRANSFORMS.register_module()
class AddMediaId(BaseTransform):
    """``media_id``: a number for the image or clip, equal for all of its captions, in every process and every source."""

    def transform(self, results: dict) -> dict:
        digest = hashlib.blake2b(results['path'].encode(), digest_size=8).digest()
        results['media_id'] = int.from_bytes(digest, 'big') >> 1  # 63 bits: not negative as a long
        return results
