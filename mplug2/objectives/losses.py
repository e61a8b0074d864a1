"""Losses as pure functions, all in fp32. B samples, M targets or columns, L tokens, V vocabulary."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from ..structures import TargetBatch

IGNORED = -100  # the label of a token that masked-language modelling does not predict


def token_losses(logits: Tensor, target: TargetBatch) -> Tensor:
    """Cross-entropy of every token that is learned, zero elsewhere.

    Args:
        logits: (M, L, V) of the decoder for `target.ids`; position i predicts token i + 1.

    Returns:
        (M, L - 1), fp32.
    """
    loss_mask = target.loss_mask[:, 1:]
    losses = F.cross_entropy(logits[:, :-1].float().flatten(0, 1), target.ids[:, 1:].flatten(), reduction='none')
    return losses.view(loss_mask.shape) * loss_mask


def captioning_loss(logits: Tensor, target: TargetBatch, denominator: Tensor) -> Tensor:
    """Summed cross-entropy of the tokens that are learned, divided by `denominator`. Returns a scalar.

    Args:
        logits: as in `token_losses`. denominator: scalar; for a mean over tokens, of `learned_tokens`.
    """
    return token_losses(logits, target).sum() / denominator


def answering_loss(logits: Tensor, target: TargetBatch, samples: int) -> Tensor:
    """Cross-entropies summed over the tokens of an answer, times the answer's weight, summed, over B samples."""
    return (token_losses(logits, target).sum(1) * target.weight).sum() / samples


def masked_language_loss(logits: Tensor, labels: Tensor, denominator: Tensor) -> Tensor:
    """Summed cross-entropy of the masked tokens, divided by `denominator`; zero if there are none.

    Args:
        logits: (B, L, V) or (M, V). labels: (B, L) or (M,) long, the true words at masked tokens and `IGNORED` elsewhere.
        denominator: scalar; for a mean, the number of masked tokens, at least 1.
    """
    losses = F.cross_entropy(logits.float().flatten(0, -2), labels.flatten(), ignore_index=IGNORED, reduction='sum')
    return losses / denominator


def positive_pairs(rows: Tensor, columns: Tensor) -> Tensor:
    """Which pairs belong together: rows (B,), columns (M,) long identities -> (B, M) bool."""
    return rows[:, None] == columns[None, :]


def contrastive_targets(
    positives: Tensor, momentum_logits: Tensor | None = None, distill_alpha: float | Tensor = 0.4
) -> Tensor:
    """What the rows of a similarity matrix should look like: shared among the positives, softened by the momentum encoder.

    Args:
        positives: (B, M) bool, at least one in a row. momentum_logits: (B, M) of the momentum encoder, or None for hard
            targets. distill_alpha: the share of the momentum encoder's softmax (ALBEF's alpha).

    Returns:
        (B, M), each row sums to one; no gradient flows through it.
    """
    hard = positives.float()
    hard = hard / hard.sum(1, keepdim=True)
    if momentum_logits is None:
        return hard
    return torch.lerp(hard, momentum_logits.detach().float().softmax(1), distill_alpha)


def contrastive_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Cross-entropy of rows with soft targets, mean over rows.

    Args:
        logits: (B, M); minus infinity at columns that are not there. targets: (B, M), rows that sum to one.
    """
    log_probability = F.log_softmax(logits.float(), 1)
    # An empty column has target zero and log-probability minus infinity, whose product is not a number.
    return -(log_probability.masked_fill(targets == 0, 0.0) * targets).sum(1).mean()


def hard_negatives(logits: Tensor, positives: Tensor, generator: torch.Generator | None = None) -> tuple[Tensor, Tensor]:
    """Sample one wrong column a row, likelier the more similar it is (ALBEF).

    Args:
        logits: (B, M). positives: (B, M) bool, pairs that must not be sampled. generator: of the random numbers.

    Returns:
        columns (B,) long, and (B,) bool: False where a row has no wrong column, whose column then means nothing.
    """
    weights = logits.detach().float().masked_fill(positives, float('-inf')).softmax(1)
    # Rows are not numbers where nothing is wrong, and where the forward pass failed, which its loss shows: any is sampled.
    weights = weights.nan_to_num(nan=1.0)
    return torch.multinomial(weights, 1, generator=generator)[:, 0], ~positives.all(1)


def sigmoid_contrastive_loss(logits: Tensor, positives: Tensor) -> Tensor:
    """Binary cross-entropy of every pair, summed over columns, mean over rows (SigLIP, Zhai et al. 2023, Equation 2).

    Args:
        logits: (B, M). positives: (B, M) bool.
    """
    signs = torch.where(positives, 1.0, -1.0)
    return -F.logsigmoid(signs * logits.float()).sum(1).mean()


def matching_loss(logits: Tensor, matched: Tensor, counted: Tensor, denominator: Tensor) -> Tensor:
    """Summed cross-entropy of "do these two belong together", divided by `denominator`.

    Args:
        logits: (M, 2). matched: (M,) bool. counted: (M,) bool, False at pairs to leave out (those for which `hard_negatives`
            has no wrong column). denominator: scalar; for a mean, the number of counted pairs, at least 1.
    """
    losses = F.cross_entropy(logits.float(), matched.long(), reduction='none')
    return (losses * counted).sum() / denominator
