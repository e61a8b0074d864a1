"""Losses worked out by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch.testing import assert_close

from mplug2.objectives.losses import (
    IGNORED,
    answering_loss,
    captioning_loss,
    contrastive_loss,
    contrastive_targets,
    hard_negatives,
    masked_language_loss,
    matching_loss,
    positive_pairs,
    sigmoid_contrastive_loss,
)
from mplug2.structures import TargetBatch

NEVER = float('-inf')


def spike(words: list[int], vocabulary: int = 4, probability: float = 0.7) -> torch.Tensor:
    """Log-probabilities that give each word `probability` and share the rest evenly."""
    rest = (1 - probability) / (vocabulary - 1)
    return torch.tensor([[math.log(probability if v == word else rest) for v in range(vocabulary)] for word in words])


def target_of(ids: list[list[int]], loss_mask: list[list[int]], sample: list[int], weight: list[float]) -> TargetBatch:
    ids, loss_mask = torch.tensor(ids), torch.tensor(loss_mask).bool()
    return TargetBatch(ids, ids > 0, loss_mask, torch.tensor(sample), torch.tensor(weight))


def test_words_are_learnt_where_they_should_be() -> None:
    """Two captions of three and two learned words, a prompt and padding among them; position i predicts word i + 1."""
    target = target_of([[1, 2, 3, 2], [1, 3, 2, 0]], [[0, 1, 1, 1], [0, 0, 1, 0]], [0, 1], [1.0, 0.5])
    logits = torch.stack([spike([2, 3, 1, 0]), spike([0, 2, 0, 0])])  # the third word of the first is missed
    right, wrong = -math.log(0.7), -math.log(0.1)
    assert_close(captioning_loss(logits, target, torch.tensor(4)), torch.tensor((3 * right + wrong) / 4))
    expected = ((2 * right + wrong) * 1.0 + right * 0.5) / 2
    assert_close(answering_loss(logits, target, samples=2), torch.tensor(expected))


def test_masked_words_alone_count() -> None:
    labels = torch.tensor([[IGNORED, 2], [3, IGNORED]])
    logits = torch.stack([spike([0, 2]), spike([1, 0])])
    expected = torch.tensor((-math.log(0.7) - math.log(0.1)) / 2)
    two = torch.tensor(2)
    assert_close(masked_language_loss(logits, labels, two), expected)
    assert_close(masked_language_loss(logits.flatten(0, 1), labels.flatten(), two), expected)
    assert_close(masked_language_loss(logits, labels, torch.tensor(1.0)), 2 * expected)
    assert masked_language_loss(logits, torch.full((2, 2), IGNORED), torch.tensor(1)) == 0


def test_targets_are_shared_among_positives_and_softened() -> None:
    positives = positive_pairs(torch.tensor([5, 6]), torch.tensor([5, 6, 5, -1]))
    assert positives.tolist() == [[True, False, True, False], [False, True, False, False]]
    assert_close(contrastive_targets(positives), torch.tensor([[0.5, 0, 0.5, 0], [0, 1, 0, 0]]))
    momentum_encoder = torch.tensor([[0.0, 0.0, NEVER, NEVER], [math.log(3), 0.0, NEVER, NEVER]])
    expected = torch.tensor([[0.5, 0.2, 0.3, 0], [0.3, 0.7, 0, 0]])
    assert_close(contrastive_targets(positives, momentum_encoder, distill_alpha=0.4), expected)
    assert_close(contrastive_targets(positives, momentum_encoder, distill_alpha=0.4).sum(1), torch.ones(2))


def test_the_contrastive_loss_is_cross_entropy() -> None:
    logits = torch.randn(5, 8, requires_grad=True)
    index = torch.tensor([0, 3, 2, 7, 7])
    hard = torch.nn.functional.one_hot(index, 8).float()
    assert_close(contrastive_loss(logits, hard), torch.nn.functional.cross_entropy(logits, index))
    soft = torch.randn(5, 8).softmax(1)
    expected = torch.nn.functional.cross_entropy(logits, soft)
    loss = contrastive_loss(logits, soft)
    assert_close(loss, expected)
    assert_close(*(torch.autograd.grad(one, logits, retain_graph=True)[0] for one in (loss, expected)))


def test_empty_columns_of_a_queue_do_not_count() -> None:
    logits = torch.randn(3, 3, requires_grad=True)
    wide = torch.cat([logits, torch.full((3, 2), NEVER)], 1)
    loss = contrastive_loss(wide, torch.eye(3, 5))
    assert_close(loss, contrastive_loss(logits, torch.eye(3)))
    loss.backward()
    assert logits.grad.isfinite().all()


def test_the_sigmoid_loss_asks_every_pair_alone() -> None:
    logits = torch.randn(3, 5, requires_grad=True)
    positives = positive_pairs(torch.tensor([4, 5, 4]), torch.tensor([4, 5, 4, 6, 7]))
    pairs = torch.nn.functional.binary_cross_entropy_with_logits(logits, positives.float(), reduction='none')
    loss = sigmoid_contrastive_loss(logits, positives)
    assert_close(loss, pairs.sum() / 3)
    assert_close(*(torch.autograd.grad(each, logits, retain_graph=True)[0] for each in (loss, pairs.sum() / 3)))


def test_hard_negatives_are_wrong_and_similar() -> None:
    logits = torch.tensor([[9.0, math.log(3), 0.0], [9.0, 9.0, 9.0]])
    positives = torch.tensor([[True, False, False], [True, True, True]])
    generator = torch.Generator().manual_seed(0)
    drawn = [hard_negatives(logits, positives, generator) for _ in range(2000)]
    columns = torch.stack([index[0] for index, _ in drawn])
    assert (columns != 0).all()
    assert (columns == 1).float().mean().item() == pytest.approx(0.75, abs=0.04)
    assert all(found.tolist() == [True, False] for _, found in drawn)  # the second row has none


def test_matching_leaves_out_what_does_not_count() -> None:
    logits = torch.log(torch.tensor([[0.2, 0.8], [0.9, 0.1], [0.5, 0.5]]))
    matched = torch.tensor([True, False, False])
    every = torch.ones(3).bool()
    assert_close(matching_loss(logits, matched, every, torch.tensor(3)), -torch.tensor([0.8, 0.9, 0.5]).log().mean())
    counted = torch.tensor([True, True, False])
    assert_close(matching_loss(logits, matched, counted, torch.tensor(2)), -torch.tensor([0.8, 0.9]).log().mean())


def test_losses_are_in_full_precision() -> None:
    logits = torch.randn(4, 6).bfloat16()
    assert contrastive_loss(logits, torch.eye(4, 6)).dtype == torch.float32
    every, four = torch.ones(4).bool(), torch.tensor(4)
    assert matching_loss(logits[:, :2], every, every, four).dtype == torch.float32
    assert sigmoid_contrastive_loss(logits, torch.eye(4, 6).bool()).dtype == torch.float32
    assert masked_language_loss(logits, torch.arange(4), four).dtype == torch.float32


def test_a_failed_forward_pass_still_draws_and_its_loss_tells() -> None:
    logits = torch.tensor([[math.nan, math.nan, math.nan], [math.inf, 0.0, 1.0], [0.0, 5.0, 0.0]])
    columns, found = hard_negatives(logits, torch.eye(3, dtype=torch.bool))
    assert columns.shape == (3,)
    assert found.all()
    assert matching_loss(
        torch.full((2, 2), math.nan), torch.tensor([True, False]), torch.ones(2).bool(), torch.tensor(2)
    ).isnan()
