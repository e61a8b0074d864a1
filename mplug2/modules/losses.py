"""Losses as pure functions. M targets, L tokens, V vocabulary."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..structures import Targets


def token_losses(logits: Tensor, target: Targets) -> Tensor:
    """Cross-entropy of every token that is learnt, zero elsewhere.

    Args:
        logits: (M, L, V) of the decoder for `target.ids`; position i predicts token i + 1.

    Returns:
        (M, L - 1), fp32.
    """
    learnt = target.loss_mask[:, 1:]
    losses = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), target.ids[:, 1:].flatten(), reduction='none')
    return losses.view(learnt.shape) * learnt


def captioning_loss(logits: Tensor, target: Targets) -> Tensor:
    """Mean cross-entropy over the tokens that are learnt. Returns a scalar."""
    return token_losses(logits, target).sum() / target.loss_mask[:, 1:].sum().clamp(min=1)


def answering_loss(logits: Tensor, target: Targets, samples: int) -> Tensor:
    """Cross-entropies summed over the tokens of an answer, times the answer's weight, summed, over B samples."""
    return (token_losses(logits, target).sum(1) * target.weight).sum() / samples
