"""Image-text and video-text retrieval: contrastive embeddings, and matching of single pairs.

Letters in shapes: B samples, E channels of an embedding, K texts for one image or clip.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from ..modules.heads import build_head
from ..networks import Features, Network, TextFeatures, VisionFeatures
from ..objectives.contrastive import InBatchContrast
from ..registry import MODELS, TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .comparison import Comparison
from .inputs import InputKind
from .spec import TaskSpec


@TASKS.register_module()
class Retrieval(Comparison, Task):
    """Find the text of an image or clip and the other way round (Table 2, "Image / Video-Text Retrieval"; Section 3.2).

    Its objectives are injected: a contrastive one for the embeddings, and matching, which needs fusion layers. Either may be
    left out. The paper's recipe (ALBEF's) is `MomentumContrast` with `HardNegativeMatching`; CLIP's is `InBatchContrast` alone.

    Args:
        network, tokenizer: given by the model. media: 'image' or 'video', or several kinds for pre-training on both.
        projection_dim: E. temperature: initial. contrastive: config of a `Contrast`, or None. matching: config of
            `HardNegativeMatching`, or None. Without the contrastive loss, negatives for matching are sampled evenly.
        head: config of what makes embeddings and their similarity, `ContrastiveHead` if None; widths and the two arguments
            above are filled in.

    Reads ``media_id`` of the batch, (B,) long: which image or clip a sample shows (`AddMediaId`); equal ones are positives.
    Predictions, for the pair as it is in the batch: ``pred_similarity`` (cosine) and, with matching, ``pred_match``
    (probability). Whole galleries are scored by `mplug2.evaluation.gallery`.

    Raises:
        ValueError: neither objective is given.
    """

    methods = ('match', 'embed', 'search')
    inputs = {'frames': InputKind.FRAMES, 'text': InputKind.TEXT, 'media_id': InputKind.MEDIA_ID}
    training_state = ('contrastive.*',)  # of any contrast; one that is built says it more exactly

    def __init__(
        self,
        network: Network,
        tokenizer,
        media: str | Sequence[str] = 'video',
        projection_dim: int = 256,
        temperature: float = 0.07,
        contrastive: dict | None = None,
        matching: dict | None = None,
        head: dict | None = None,
    ) -> None:
        super().__init__()
        if contrastive is None and matching is None:
            raise ValueError(
                'Retrieval has nothing to learn: give contrastive=dict(type=MomentumContrast), '
                'matching=dict(type=HardNegativeMatching) or both'
            )
        kinds = (media,) if isinstance(media, str) else tuple(media)
        self.spec = TaskSpec.of(f'text {" ".join(kinds)}', f'vision text {"" if matching is None else "fused"}')
        self.head = build_head(head, network, projection_dim, temperature)
        self.contrastive = self.matching = None
        if contrastive is not None:
            self.contrastive = MODELS.build(contrastive, default_args=dict(network=network, head=self.head, media=kinds))
            self.inputs = {**self.inputs, **self.contrastive.inputs}
            self.training_state = tuple(f'contrastive.{pattern}' for pattern in self.contrastive.training_state)
        if matching is not None:
            self.matching = MODELS.build(matching, default_args=dict(network=network))

    @classmethod
    def for_prediction(cls, cfg: dict) -> dict:
        # A contrast without state takes the place of momentum encoder and queues.
        return cfg if cfg.get('contrastive') is None else {**cfg, 'contrastive': dict(type=InBatchContrast)}

    def init_weights(self) -> None:
        for part in (self.head, self.matching, self.contrastive):
            if hasattr(part, 'init_weights'):
                part.init_weights()

    @property
    def contrasts(self) -> bool:
        """Whether a contrastive loss trains the embeddings."""
        return self.contrastive is not None and bool(self.contrastive.weight)

    def begin_step(self, network: Network) -> None:
        if self.contrasts:
            self.contrastive.begin_step(network, self.head)

    def embed_vision(self, vision: VisionFeatures) -> Tensor:
        """Unit vectors (B, E), fp32."""
        return self.head.vision(vision.pooled)

    def embed_text(self, text: TextFeatures) -> Tensor:
        """Unit vectors (B, E), fp32."""
        return self.head.text(text.pooled)

    def similarity(self, features: Features) -> Tensor:
        """Cosines (B,) of the pairs of a batch."""
        return (self.embed_vision(features.vision()) * self.embed_text(features.text())).sum(1)

    def match(self, network: Network, text: TextFeatures, vision: VisionFeatures) -> Tensor:
        """Does each text belong to its image or clip?

        Args:
            text: of B * K texts, those of one image or clip next to each other. vision: of B; the K texts share its keys
                and values, except in the paper's form, where fusion changes the vision by each text.

        Returns:
            logits (B * K, 2), fp32; class 1 is "yes".
        """
        each = len(text.mask) // len(vision.memory)
        if each > 1 and network.reads_across:
            rows = torch.arange(len(vision.memory), device=vision.memory.device)
            vision = vision.select(rows.repeat_interleave(each))
        return self.matching(network.fuse(text, vision).pooled)

    @property
    def relevance(self) -> Callable[[Tensor, Tensor, Tensor], Tensor] | None:
        """What re-ranks a gallery, or None without matching: the gallery is then ranked by cosine alone."""
        return None if self.matching is None else self._relevance

    def _relevance(self, match: Tensor, vision_embedding: Tensor, text_embeddings: Tensor) -> Tensor:
        """What the pairs of one image or clip with K texts are ranked by (K,): matching log-odds plus contrastive logit.

        Matching learned to tell pairs from negatives that were sampled by their contrastive logit, so its log-odds hold what
        that logit leaves out, and the sum is the whole (as in noise-contrastive estimation with that noise).

        Args:
            match: (K, 2) of `match`. vision_embedding: (E,). text_embeddings: (K, E).
        """
        odds = match[:, 1] - match[:, 0]
        if not self.contrasts:
            return odds  # nothing has trained the embeddings
        return odds + self.head.logits(text_embeddings, vision_embedding[None])[:, 0]

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        if 'media_id' not in batch:
            raise KeyError(
                "retrieval needs 'media_id' in the batch: add AddMediaId to the pipeline and 'media_id' to PackInputs"
            )
        if self.training:
            self.head.keep_in_bounds()
        vision, text = features.vision(), features.text()
        vision_embedding, text_embedding = self.embed_vision(vision), self.embed_text(text)
        losses = {}
        if self.contrasts:
            loss = self.contrastive(features, batch, self.head, vision_embedding, text_embedding)
            losses.update(
                loss_contrastive=self.contrastive.weight * loss,
                temperature=self.head.temperature.detach().clone(),  # the optimizer moves it before it is logged
            )
        if self.matching is not None and self.matching.weight:
            similarity = self.head.logits(vision_embedding.detach(), text_embedding.detach())
            if not self.contrasts:
                similarity = torch.zeros_like(similarity)  # nothing trains the embeddings
            loss = self.matching.loss(features.network, vision, text, similarity, batch['media_id'])
            losses.update(loss_matching=self.matching.weight * loss)
        return losses

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        similarity = self.similarity(features)
        for sample, cosine in zip(batch.samples, similarity.tolist(), strict=True):
            sample.pred_similarity = cosine
        if self.matching is not None:
            match = self.matching(features.fused().pooled).softmax(-1)[:, 1]
            for sample, probability in zip(batch.samples, match.tolist(), strict=True):
                sample.pred_match = probability
        return batch.samples
