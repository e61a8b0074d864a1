"""Sigmoid contrast whose target also knows concepts: texts that name the same thing are no plain negatives of each other.

Letters in shapes: B samples of a process, M of all processes, E channels of an embedding.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mplug2.datasets.transforms.base import BaseTransform
from mplug2.modules import ContrastiveHead
from mplug2.networks import Features
from mplug2.objectives import Contrast
from mplug2.objectives.gather import gather_features, gather_with_gradients
from mplug2.objectives.losses import positive_pairs
from mplug2.registry import MODELS, TRANSFORMS
from mplug2.structures import Batch


@TRANSFORMS.register_module()
class ConceptId(BaseTransform):
    """``concept_id``: number of the first of some words that ``caption`` holds, or -1. words: in question."""

    def __init__(self, words: Sequence[str]) -> None:
        self.words = list(words)

    def transform(self, results: dict) -> dict:
        named = set(results['caption'].split())
        results['concept_id'] = next((number for number, word in enumerate(self.words) if word in named), -1)
        return results


@MODELS.register_module()
class ConceptContrast(Contrast):
    """A yes-or-no question for each pair (SigLIP): yes for the same media, to some degree for the same concept.

    Args:
        network, head, media, weight: as in `Contrast`. share: target of pairs of one concept. offset: initial, of the logits.
    """

    inputs = {'concept_id': lambda samples: torch.full((samples,), -1)}

    def __init__(self, network, head, media, weight: float = 1.0, share: float = 0.5, offset: float = -5.0) -> None:
        super().__init__(network, head, media, weight)
        self.share, self.initial = share, offset
        self.offset = nn.Parameter(torch.tensor(float(offset)))

    def init_weights(self) -> None:
        nn.init.constant_(self.offset, self.initial)

    def forward(self, features: Features, batch: Batch, head: ContrastiveHead, vision: Tensor, text: Tensor) -> Tensor:
        media, concepts = batch['media_id'], batch['concept_id']
        (all_text,) = gather_with_gradients(text)
        all_media, all_concepts = gather_features(media, concepts)
        related = positive_pairs(concepts, all_concepts) & (concepts >= 0)[:, None]
        target = torch.maximum(positive_pairs(media, all_media).float(), self.share * related)
        logits = head.logits(vision, all_text) + self.offset
        return F.binary_cross_entropy_with_logits(logits, target, reduction='sum') / len(target)
