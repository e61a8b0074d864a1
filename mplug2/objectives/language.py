"""Objectives over words: masked ones, and those that a decoder writes.

Letters in shapes: M targets or masked tokens, L tokens, V vocabulary.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod

from torch import Tensor, nn
from torch.utils.data import Dataset

from ..modules.contracts import Memory
from ..networks import Features
from ..registry import MODELS
from ..structures import Batch, TargetBatch
from .denominator import count_per_process, learned_tokens
from .losses import IGNORED, answering_loss, captioning_loss, masked_language_loss

MEANS = ('tokens', 'samples')


@MODELS.register_module()
class MaskedLM(nn.Module):
    """Cross-entropy of the masked tokens, a mean over those of all processes (BERT, Devlin et al. 2019)."""

    def denominator(self, labels: Tensor) -> Tensor:
        """What the losses of a batch are divided by, a scalar; one for all that is predicted from the same labels."""
        return count_per_process((labels != IGNORED).sum())

    def forward(self, logits: Tensor, labels: Tensor, denominator: Tensor) -> Tensor:
        """The loss, a scalar.

        Args:
            logits: (B, M, V). labels: (B, M), `IGNORED` where nothing is masked. denominator: of `denominator`.
        """
        return masked_language_loss(logits, labels, denominator)


class TextObjective(nn.Module, metaclass=ABCMeta):
    """The contract of what trains a decoder's texts. It is built by a task, which gives the first argument.

    Args:
        generator: the task's `TextGenerator`.
    """

    name: str | None = None  # of its loss in logs, after ``loss_``; the task's word for its texts if None

    def __init__(self, generator) -> None:
        super().__init__()

    def before_train(self, dataset: Dataset) -> None:
        """Called once before training, for what it takes from the whole training set."""

    @abstractmethod
    def forward(self, features: Features, memory: Memory, batch: Batch, target: str) -> dict[str, Tensor]:
        """``loss``, a scalar, and further scalars that are only logged.

        Args:
            features: of the batch. memory: that the decoder attends to. target: name of the batch's `TargetBatch`.
        """


@MODELS.register_module()
class PrefixLM(TextObjective):
    """Cross-entropy of the next token of the targets, given the memory: instruction-based language modelling (Section 3.2).

    Args:
        generator: as in `TextObjective`. mean: over 'tokens', all of them that all processes learn; or over 'samples', of each
            the sum over its targets' tokens, times the target's weight (VQA's several answers).

    Raises:
        ValueError: another mean.
    """

    def __init__(self, generator, mean: str = 'tokens') -> None:
        super().__init__(generator)
        if mean not in MEANS:
            raise ValueError(f'PrefixLM: mean is one of {", ".join(map(repr, MEANS))}, not {mean!r}')
        self.mean = mean

    def forward(self, features: Features, memory: Memory, batch: Batch, target: str) -> dict[str, Tensor]:
        texts = batch[target]
        logits = decode_targets(features, memory, texts)
        if self.mean == 'samples':
            return {'loss': answering_loss(logits, texts, len(memory.tokens))}
        return {'loss': captioning_loss(logits, texts, count_per_process(learned_tokens(texts)))}


def decode_targets(features: Features, memory: Memory, target: TargetBatch) -> Tensor:
    """Teacher-forced logits (M, L, V) of the targets, each against its sample's memory."""
    # The collate gives every sample a target, so equal counts pair up.
    paired = len(target.ids) == len(memory.tokens)
    return features.network.decoder(target.ids, memory, None if paired else target.sample)
