"""What the tasks share whose answer the decoder writes: their loss, and texts read off a generation."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

from torch import Tensor
from torch.utils.data import Dataset

from ..modules.contracts import Memory
from ..modules.generation import Generation, Hypothesis, generate
from ..networks import Features
from ..objectives.language import PrefixLM
from ..registry import MODELS
from ..structures import Batch
from .base import Task


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


class GenerativeTask(Task):
    """A task whose answer the decoder writes. A subclass says what the decoder attends to (`memory`).

    Args:
        generator: reads texts off the decoder. objective: config of a `TextObjective`; next tokens (`PrefixLM`) if None.
        target: name of the input that holds the texts to learn.
    """

    loss_name: str  # in logs, after ``loss_``

    def __init__(self, generator: TextGenerator, objective: dict | None = None, target: str = 'target') -> None:
        super().__init__()
        self.generator, self.target = generator, target
        self.objective = MODELS.build(objective or dict(type=PrefixLM), default_args=dict(generator=generator))

    @classmethod
    def for_prediction(cls, cfg: dict) -> dict:
        return {key: value for key, value in cfg.items() if key != 'objective'}

    @abstractmethod
    def memory(self, features: Features) -> Memory:
        """What the decoder attends to."""

    def hypotheses(self, features: Features) -> list[list[Hypothesis]]:
        """What the decoder writes of each sample, the best first."""
        return self.generator.hypotheses(features, self.memory(features))

    def read_tokens(self, ids: Sequence[int]) -> tuple[list[str], str]:
        """What each written id reads as, '' for special ones, and what all of them do together."""
        tokenizer = self.generator.tokenizer
        return [tokenizer.decode([token]) for token in ids], tokenizer.decode(ids)

    def before_train(self, dataset: Dataset) -> None:
        self.objective.before_train(dataset)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        scalars = self.objective(features, self.memory(features), batch, self.target)
        loss = scalars.pop('loss')
        return {f'loss_{self.objective.name or self.loss_name}': loss, **scalars}
