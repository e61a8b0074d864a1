"""Token ids -> what masked-language modelling and text completion are trained on."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

from ...registry import TRANSFORMS
from ...text.instructions import instruction
from .packing import TargetText
from .text import Tokenizing

if TYPE_CHECKING:
    from ..shapes import SampleShape


@TRANSFORMS.register_module()
class MaskTokens(Tokenizing):
    """BERT's masking: 15 % of a text's tokens, of which 80 % become ``[MASK]``, 10 % another word and 10 % stay as they are.

    Makes ``mlm_ids``, the ids to read; ``mlm_positions``, the masked positions in order; and ``mlm_labels``, the ids that were
    there. At least one token is masked; special tokens and the instruction never are. In tests a sample is always masked alike.

    Args:
        tokenizer: config. key: of the ids. instruction: the task whose instruction the ids begin with, as in `TokenizeText`.
        share: of the tokens. masked, replaced: shares of the chosen ones.
    """

    def __init__(
        self,
        tokenizer: dict | Any,
        key: str = 'text',
        instruction: str | None = None,
        share: float = 0.15,
        masked: float = 0.8,
        replaced: float = 0.1,
    ) -> None:
        super().__init__(tokenizer)
        self.key, self.instruction, self.share, self.masked, self.replaced = key, instruction, share, masked, replaced
        self._special = {self.tokenizer.pad_id, self.tokenizer.cls_id, self.tokenizer.sep_id, self.tokenizer.mask_id}

    def transform(self, results: dict) -> dict:
        ids = list(results[self.key])
        start = 1 + instruction_length(self.tokenizer, self.instruction, results['media'])
        free = [place for place in range(start, len(ids)) if ids[place] not in self._special]
        count = min(len(free), max(1, round(self.share * len(free))))
        draws = random.Random(str(results['sample_id'])) if results['test_mode'] else random
        places = sorted(draws.sample(free, count))
        results['mlm_positions'] = places
        results['mlm_labels'] = [ids[place] for place in places]
        for place in places:
            draw = draws.random()
            if draw < self.masked:
                ids[place] = self.tokenizer.mask_id
            elif draw < self.masked + self.replaced:
                ids[place] = draws.randrange(self.tokenizer.vocab_size)
        results['mlm_ids'] = ids
        return results


@TRANSFORMS.register_module()
class SplitPrefix(Tokenizing):
    """Break a text off at a random token: ``prefix``, the instruction and what comes before; ``target``, the rest.

    Args:
        tokenizer: config. key: of the ids, ``[CLS] text``. instruction: as in `TokenizeText`.
        packed: the ids are a row of `PackedText`, of whose documents the longest is taken. Where the row or `TokenizeText` cut
            the text off, the target does not end with ``[SEP]``. max_length: tokens of the target. max_prefix: tokens of the
            start, of which the last words stay; the default is BERT's number of positions. target: name of the rest.
    """

    def __init__(
        self,
        tokenizer: dict | Any,
        key: str = 'text',
        instruction: str | None = 'completion',
        packed: bool = False,
        max_length: int | None = None,
        max_prefix: int = 512,
        target: str = 'target',
    ) -> None:
        super().__init__(tokenizer)
        self.key, self.instruction, self.packed = key, instruction, packed
        self.max_length, self.max_prefix, self.target = max_length, max_prefix, target

    def transform(self, results: dict) -> dict:
        tokenizer = self.tokenizer
        documents: list[list[int]] = [[]]
        for token in results[self.key][1:]:
            if token == tokenizer.sep_id:
                documents.append([])
            else:
                documents[-1].append(token)
        words = max(documents, key=len)
        ends = words is not documents[-1] if self.packed else not results.get(f'{self.key}_cut', False)
        cut = random.randint(1, max(1, len(words) - 1))
        instructed = [] if self.instruction is None else tokenizer.pieces(instruction(self.instruction, results['media']))
        first = max(0, cut - (self.max_prefix - 1 - len(instructed)))
        results['prefix'] = [tokenizer.cls_id, *instructed, *words[first:cut]]
        ids = [tokenizer.cls_id, *words[cut:], *[tokenizer.sep_id] * ends][: self.max_length]
        results[self.target] = [TargetText(ids, [place > 0 for place in range(len(ids))])]
        return results

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        # Broken off anywhere, so that the longest of a batch is about the whole text.
        return shape._replace(target=cfg.get('max_length') or shape.text)


def instruction_length(tokenizer: Any, task: str | None, media: str) -> int:
    """Tokens of a task's instruction; 0 for None."""
    return 0 if task is None else len(tokenizer.pieces(instruction(task, media)))
