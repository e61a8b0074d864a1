"""Contrastive objectives: the contract, and those that contrast a batch with itself.

Letters in shapes: B samples of a process, M of all processes, E channels of an embedding.
"""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn

from ..modules.heads import ContrastiveHead
from ..networks import Features, Network
from ..registry import MODELS
from ..structures import Batch
from .gather import gather_features, gather_with_gradients
from .losses import contrastive_loss, contrastive_targets, positive_pairs, sigmoid_contrastive_loss


class Contrast(nn.Module, metaclass=ABCMeta):
    """The contract of a contrastive objective. It is built by a task, which owns the head and gives the first three arguments.

    Args:
        network, head: that make the embeddings. media: kinds of media in the batches. weight: of the loss; 0 leaves it out.
    """

    inputs: Mapping[str, Callable[[int], Tensor]] = {}  # further ones of a batch: name -> example of so many samples
    training_state: tuple[str, ...] = ('*',)  # as in `Task`: no prediction reads what an objective holds

    def __init__(self, network: Network, head: ContrastiveHead, media: tuple[str, ...], weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def begin_step(self, network: Network, head: ContrastiveHead) -> None:
        """Called once before a training step, for state that moves with steps."""

    @abstractmethod
    def forward(self, features: Features, batch: Batch, head: ContrastiveHead, vision: Tensor, text: Tensor) -> Tensor:
        """The loss, a scalar.

        Args:
            features: of the batch. batch: with ``media_id``, (B,) long; equal ones are positives. head: whose logits count.
            vision, text: (B, E) embeddings.
        """


@MODELS.register_module()
class InBatchContrast(Contrast):
    """Softmax contrast over the batch of all processes, with their gradients and hard targets (CLIP, Radford et al. 2021)."""

    def forward(self, features: Features, batch: Batch, head: ContrastiveHead, vision: Tensor, text: Tensor) -> Tensor:
        ids = batch['media_id']
        all_vision, all_text = gather_with_gradients(vision, text)
        (all_ids,) = gather_features(ids)
        targets = contrastive_targets(positive_pairs(ids, all_ids))
        pairs = ((vision, all_text), (text, all_vision))
        return 0.5 * sum(contrastive_loss(head.logits(rows, columns), targets) for rows, columns in pairs)


@MODELS.register_module()
class SigmoidContrast(Contrast):
    """Every pair of the batch of all processes is its own yes-or-no question (SigLIP, Zhai et al. 2023).

    The logit is cosine / temperature + bias. The temperature is the head's, whose inverse is SigLIP's logit scale; both are
    learned. SigLIP begins with temperature 0.1.

    Args:
        network, head, media, weight: as in `Contrast`. bias: initial; negative, for most pairs are negatives; None where the
            head has one (`LogitScaleHead`).
    """

    def __init__(
        self, network: Network, head: ContrastiveHead, media: tuple[str, ...], weight: float = 1.0, bias: float | None = -10.0
    ) -> None:
        super().__init__(network, head, media, weight)
        self.initial = bias
        self.bias = None if bias is None else nn.Parameter(torch.tensor(float(bias)))

    def init_weights(self) -> None:
        if self.bias is not None:
            nn.init.constant_(self.bias, self.initial)

    def forward(self, features: Features, batch: Batch, head: ContrastiveHead, vision: Tensor, text: Tensor) -> Tensor:
        ids = batch['media_id']
        (all_text,) = gather_with_gradients(text)
        (all_ids,) = gather_features(ids)
        logits = head.logits(vision, all_text)
        logits = logits if self.bias is None else logits + self.bias
        return sigmoid_contrastive_loss(logits, positive_pairs(ids, all_ids))
