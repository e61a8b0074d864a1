"""From texts to token ids."""

from __future__ import annotations

import random
from collections import Counter
from typing import TYPE_CHECKING, Any

from ...registry import TOKENIZERS, TRANSFORMS
from ...text.cleaning import CLEANERS
from ...text.instructions import instruction
from .base import BaseTransform
from .packing import TargetText

if TYPE_CHECKING:
    from ..shapes import SampleShape

CHOICES = ('random', 'first', 'all')


class Tokenizing(BaseTransform):
    """A tokenizer, by config, for texts of a sample."""

    def __init__(self, tokenizer: dict | Any) -> None:
        self.tokenizer = TOKENIZERS.build(tokenizer) if isinstance(tokenizer, dict) else tokenizer

    def value(self, results: dict, key: str) -> Any:
        try:
            return results[key]
        except KeyError:
            raise KeyError(
                f'{type(self).__name__}: sample {results.get("sample_id")} has no {key!r}; it has {", ".join(results)}'
            ) from None


class _Cleaning(Tokenizing):
    """A tokenizer and a cleaner, by config."""

    def __init__(self, tokenizer: dict | Any, clean: str | None, max_words: int | None) -> None:
        if clean is not None and clean not in CLEANERS:
            raise ValueError(f'{type(self).__name__}: clean is None or one of {", ".join(map(repr, CLEANERS))}, not {clean!r}')
        super().__init__(tokenizer)
        self._clean, self.max_words = clean, max_words

    def clean(self, text: str) -> str:
        return text if self._clean is None else CLEANERS[self._clean](text, self.max_words)

    @staticmethod
    def length(cfg: dict, media: str, end: int = 0) -> int | None:
        """The most tokens that a config leaves of a text, each word taken for one; None if it does not limit them.

        Args:
            end: tokens after the words. Before them are ``[CLS]`` and the instruction.
        """
        limits = [cfg['max_length']] if cfg.get('max_length') else []
        if cfg.get('max_words'):
            limits.append(1 + len(_instruction_words(cfg, media)) + cfg['max_words'] + end)
        return min(limits, default=None)


def _instruction_words(cfg: dict, media: str) -> list[str]:
    return instruction(cfg['instruction'], media).split() if cfg.get('instruction') else []


@TRANSFORMS.register_module()
class TokenizeText(_Cleaning):
    """The text that goes in: the instruction, then the sample's own -> token ids.

    Args:
        tokenizer: config. key: of the sample's text; None for tasks whose instruction is all the text they have.
        instruction: name or text of an instruction (`mplug2.text.instruction`), which comes first; None puts none (Table 14's
            comparison). max_length: tokens; the rest is cut. clean: 'question', 'caption' or None.
        max_words: kept by the cleaning. out: key of the result.
    """

    def __init__(
        self,
        tokenizer: dict | Any,
        key: str | None = None,
        instruction: str | None = None,
        max_length: int | None = None,
        clean: str | None = None,
        max_words: int | None = None,
        out: str = 'text',
    ) -> None:
        super().__init__(tokenizer, clean, max_words)
        self.key, self.instruction, self.max_length, self.out = key, instruction, max_length, out

    def transform(self, results: dict) -> dict:
        parts = [] if self.instruction is None else [instruction(self.instruction, results['media'])]
        if self.key is not None:
            parts.append(self.clean(self.value(results, self.key)))
        results[self.out] = self.tokenizer.encode(' '.join(parts), self.max_length)
        results[f'{self.out}_cut'] = len(results[self.out]) == self.max_length  # or it was just as long
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        out = cfg.get('out', 'text')
        if out == 'instruction':
            return shape._replace(instruction=1 + len(_instruction_words(cfg, shape.media)))
        return shape._replace(text=cls.length(cfg, shape.media) or shape.text) if out == 'text' else shape


@TRANSFORMS.register_module()
class TokenizeTarget(_Cleaning):
    """The texts to generate -> a list of `TargetText`.

    Args:
        tokenizer: config. key: of a text or a list of texts. choose: of a list: 'random' one (captions in training), the
            'first', or 'all': every distinct one, weighted by its share (the answers of VQA's annotators).
        prompt: words before each text, given and not learned. prompt_space: False joins the two without a space and learns the
            prompt's last token, as the published captions were trained. max_length: tokens; the rest is cut.
        clean: 'caption', 'question' or None. max_words: kept by the cleaning. out: key of the result.
    """

    def __init__(
        self,
        tokenizer: dict | Any,
        key: str,
        choose: str = 'random',
        prompt: str = '',
        max_length: int | None = None,
        clean: str | None = None,
        max_words: int | None = None,
        out: str = 'target',
        prompt_space: bool = True,
    ) -> None:
        super().__init__(tokenizer, clean, max_words)
        if choose not in CHOICES:
            raise ValueError(f'TokenizeTarget: choose is one of {", ".join(map(repr, CHOICES))}, not {choose!r}')
        self.key, self.choose, self.prompt, self.max_length, self.out = key, choose, prompt, max_length, out
        self.prompt_space = prompt_space

    def transform(self, results: dict) -> dict:
        texts = self.value(results, self.key)
        texts = [texts] if isinstance(texts, str) else texts
        if self.choose == 'all':
            shares = {text: count / len(texts) for text, count in Counter(map(self.clean, texts)).items()}
        else:
            shares = {self.clean(random.choice(texts) if self.choose == 'random' else texts[0]): 1.0}
        results[self.out] = [TargetText(*self._encode(text), weight) for text, weight in shares.items()]
        return results

    def _encode(self, text: str) -> tuple[list[int], list[bool]]:
        if self.prompt_space:
            return self.tokenizer.encode_target(text, self.prompt, self.max_length)
        ids, _ = self.tokenizer.encode_target(self.prompt + text, max_length=self.max_length)
        first = len(self.tokenizer.encode_target(self.prompt)[0]) - 2  # the prompt's last token, between [CLS] and [SEP]
        return ids, [place >= first for place in range(len(ids))]

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        if cfg.get('out', 'target') != 'target':
            return shape
        return shape._replace(target=cls.length(cfg, shape.media, end=1) or shape.target)
