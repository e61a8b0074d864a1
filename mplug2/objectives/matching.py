"""Matching of single pairs against hard negatives. B samples, C channels."""

from __future__ import annotations

import warnings

import torch
from torch import Tensor, nn

from ..modules.layers import initialize_transformer
from ..networks import Network, TextFeatures, VisionFeatures
from ..registry import MODELS
from .denominator import count_per_process
from .losses import hard_negatives, matching_loss, positive_pairs


@MODELS.register_module()
class HardNegativeMatching(nn.Module):
    """Does the text belong to the vision? One linear layer on the fused class token; class 1 is "yes".

    Trained on each pair, each image or clip with a wrong text that is similar to it, and each text with such an image or clip
    (ALBEF, Li et al. 2021).

    Args:
        network: given by the task. weight: of the loss; 0 leaves it out.
    """

    def __init__(self, network: Network, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight
        self.classifier = nn.Linear(network.width_of('fused'), 2)

    def init_weights(self) -> None:
        initialize_transformer(self, self.classifier.in_features)

    def forward(self, pooled: Tensor) -> Tensor:
        """pooled: (..., C), fused class tokens. Returns logits (..., 2), fp32."""
        return self.classifier(pooled).float()

    def loss(self, network: Network, vision: VisionFeatures, text: TextFeatures, similarity: Tensor, ids: Tensor) -> Tensor:
        """Mean cross-entropy over the pairs of all processes.

        Args:
            vision, text: of B pairs. similarity: (B, B), vision by text; negatives are sampled by its softmax.
            ids: (B,) long; equal ones are positives.
        """
        if self.training and len(ids) == 1:
            warnings.warn(
                "matching draws its negatives from the batch of a process, of one sample here, so that it learns 'yes' alone: "
                "take larger batches, or the task's matching=None",
                stacklevel=2,
            )
        positives = positive_pairs(ids, ids)
        wrong_text, has_wrong_text = hard_negatives(similarity, positives)
        wrong_vision, has_wrong_vision = hard_negatives(similarity.T, positives)
        own = torch.arange(len(ids), device=ids.device)
        fused = network.fuse(text.select(torch.cat([own, wrong_text, own])), vision.select(torch.cat([own, own, wrong_vision])))
        logits = self(fused.pooled)
        matched = torch.arange(len(logits), device=ids.device) < len(ids)
        counted = torch.cat([torch.ones_like(has_wrong_text), has_wrong_text, has_wrong_vision])
        return matching_loss(logits, matched, counted, count_per_process(counted.sum()))
