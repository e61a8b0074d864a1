"""Images and clips beside texts that are kept: the classes of a classifier, the query of a search.

Letters in shapes: B samples, K texts, C channels, E channels of an embedding.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor

from ..modules.heads import ContrastiveHead, LogitScaleHead
from ..modules.layers import full_precision
from ..networks import Network, TextFeatures, VisionFeatures


class Comparison:
    """What a task with a head of embeddings compares by. A system whose texts depend on the clip overrides both methods."""

    head: ContrastiveHead | LogitScaleHead

    def embed_query(self, text: TextFeatures) -> Tensor:
        """What is kept of texts, (K, E), fp32. The mean over several prompts represents a class."""
        return self.head.text(text.pooled)

    def compare(self, network: Network, vision: VisionFeatures, queries: Tensor) -> Tensor:
        """Cosines (B, K), fp32, of images or clips with what was kept of texts (K, E), which may have any length."""
        with full_precision(queries):
            return self.head.vision(vision.pooled) @ F.normalize(queries, dim=-1).T
