"""What captioning and question answering share: logits of targets, and texts read off a generation."""

from __future__ import annotations

from torch import Tensor

from ..modules.contracts import Memory
from ..modules.generation import Generation, Hypothesis, generate
from ..networks import Features
from ..structures import TargetBatch


def decode_targets(features: Features, memory: Memory, target: TargetBatch) -> Tensor:
    """Teacher-forced logits (M, L, V) of the targets, each against its sample's memory."""
    # The collate gives every sample a target, so equal counts pair up.
    paired = len(target.ids) == len(memory.tokens)
    return features.network.decoder(target.ids, memory, None if paired else target.sample)


class TextGenerator:
    """A generation's settings and the tokenizer that reads its ids.

    Args:
        tokenizer: with ``cls_id``, ``sep_id`` and ``decode``. settings: arguments of `Generation`. prompt: words that the model
            was trained to say first; they, and what precedes them, are cut off.
    """

    def __init__(self, tokenizer, settings: dict, prompt: str = '') -> None:
        self.tokenizer = tokenizer
        self.settings = Generation(**settings)
        self.prompt = prompt

    def hypotheses(self, features: Features, memory: Memory, allowed: Tensor | None = None) -> list[list[Hypothesis]]:
        decoder = features.network.decoder
        return generate(decoder, memory, self.settings, self.tokenizer.cls_id, self.tokenizer.sep_id, allowed)

    def text(self, hypothesis: Hypothesis) -> str:
        text = self.tokenizer.decode(hypothesis.ids)
        if self.prompt and self.prompt in text:
            text = text.split(self.prompt, 1)[1]
        return text.strip()
