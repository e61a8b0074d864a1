"""Retrieval and classification where a text depends on the clip that it is compared with.

Letters in shapes: B samples of a process, M of all processes, K texts, E channels of an embedding.
"""

from __future__ import annotations

from typing import Any

import torch
from mmengine.dist import get_rank, get_world_size
from torch import Tensor, nn

from mplug2.modules.layers import full_precision
from mplug2.networks import Features, Network, TextFeatures, VisionFeatures
from mplug2.objectives import InBatchContrast
from mplug2.objectives.gather import gather_features, gather_with_gradients
from mplug2.objectives.losses import contrastive_loss, contrastive_targets, positive_pairs
from mplug2.registry import MODELS, TASKS
from mplug2.structures import Batch
from mplug2.tasks import Retrieval, ZeroShotClassification
from mplug2.tasks.comparison import Comparison
from mplug2.tasks.spec import TaskSpec


def prompted_cosines(head: nn.Module, network: Network, vision: VisionFeatures, texts: Tensor) -> Tensor:
    """Cosines (B, K) of clips with texts (K, E), as projected, after each clip has prompted each text."""
    prompted = network.prompts(texts.expand(len(vision.memory), -1, -1), vision.memory[:, 1:])
    with full_precision(prompted):
        return (head.text(prompted) * head.vision(vision.pooled)[:, None]).sum(-1)


class Prompted(Comparison):
    """Keeps texts as they are projected, since a clip's prompts depend on their length."""

    def embed_query(self, text: TextFeatures) -> Tensor:
        return text.pooled.float()

    def compare(self, network: Network, vision: VisionFeatures, queries: Tensor) -> Tensor:
        return prompted_cosines(self.head, network, vision, queries)


@MODELS.register_module()
class PromptedContrast(InBatchContrast):
    """`InBatchContrast` over the logits of prompted texts."""

    def forward(self, features: Features, batch: Batch, head: nn.Module, vision: Tensor, text: Tensor) -> Tensor:
        ids = batch['media_id']
        (texts,) = gather_with_gradients(features.text().pooled)
        (all_ids,) = gather_features(ids)
        targets = contrastive_targets(positive_pairs(ids, all_ids))
        own = head.scale(prompted_cosines(head, features.network, features.vision(), texts))  # (B, M)
        (everything,) = gather_with_gradients(own)
        of_texts = everything.chunk(get_world_size(), 1)[get_rank()].T
        return 0.5 * sum(contrastive_loss(logits, targets) for logits in (own, of_texts))


@TASKS.register_module()
class PromptedRetrieval(Prompted, Retrieval):
    """Retrieval whose embeddings leave the prompts out; a gallery's best are ranked again with them.

    Args:
        network, tokenizer, options: as in `Retrieval`, without ``matching``.
    """

    def __init__(self, network: Network, tokenizer: Any, media: str = 'video', **options: Any) -> None:
        super().__init__(network, tokenizer, media, **options)
        self.spec = TaskSpec.of(f'text {media}', 'vision text fused')

    def similarity(self, features: Features) -> Tensor:
        return self._cosines(features.fused().pooled, features.vision().pooled)

    def _cosines(self, texts: Tensor, clips: Tensor) -> Tensor:
        """Of prompted texts (N, E) with their clips (N, E)."""
        with full_precision(texts):
            return (self.head.text(texts) * self.head.vision(clips)).sum(1)

    def match(self, network: Network, text: TextFeatures, vision: VisionFeatures) -> Tensor:
        """Logits (B * K, 2), of which the second is that of the cosine; arguments as in `Retrieval.match`."""
        each = len(text.mask) // len(vision.memory)
        cosines = self._cosines(network.fuse(text, vision).pooled, vision.pooled.repeat_interleave(each, 0))
        return torch.stack([torch.zeros_like(cosines), self.head.scale(cosines)], 1)

    @property
    def relevance(self) -> Any:
        return lambda match, vision_embedding, text_embeddings: match[:, 1]


@TASKS.register_module()
class PromptedClassification(Prompted, ZeroShotClassification):
    """Classification by the names of actions, prompted by the clip, as X-CLIP is trained.

    Args:
        network, tokenizer, names, options: as in `ZeroShotClassification`.
    """

    def __init__(self, network: Network, tokenizer: Any, names: Any, media: str = 'video', **options: Any) -> None:
        super().__init__(network, tokenizer, names, **{'templates': ('{}',), 'instruction': None, 'media': media, **options})
        self.spec = TaskSpec.of(media, 'vision text fused')
