"""Image-text and video-text retrieval: contrastive embeddings, and matching of single pairs.

Letters in shapes: B samples, M columns of a similarity matrix, E channels of an embedding, K texts for one image or clip.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ..modules.heads import ContrastiveHead, MatchingHead
from ..modules.momentum import FeatureQueue, MomentumEncoder, gather_features, gather_with_gradients
from ..networks.mplug2 import Features, Network, TextFeatures, VisionFeatures
from ..objectives.losses import contrastive_loss, contrastive_targets, hard_negatives, matching_loss, positive_pairs
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .spec import vision_spec

EMBEDDED = (
    'vision_encoder',
    'text_encoder',
    'universal',
)  # what an embedding goes through, so what the momentum encoder is made of


@TASKS.register_module()
class Retrieval(Task):
    """Find the text of an image or clip and the other way round (Table 2, "Image / Video-Text Retrieval"; Section 3.2).

    Trained by a contrastive loss against the features that a momentum encoder gives the batch and gave earlier ones (queues),
    with targets softened by the momentum encoder, and by matching each pair against one hard negative either way (ALBEF's
    recipe, which the paper names). Momentum encoder and queues are part of the task's state, so checkpoints resume exactly. The
    momentum encoder moves once a training forward, before it is used. Without a momentum encoder (``momentum=None``) the batch
    is contrasted with itself, over all processes and with their gradients, as CLIP is.

    Args:
        network, tokenizer: given by the model. media: 'image' or 'video'.
        projection_dim: E. temperature: initial. momentum: how much of the momentum encoder stays at a step; None for no
            momentum encoder, and then no queues and hard targets. queue_size: features kept of earlier steps, each way.
            distill_alpha: share of the momentum encoder's softmax in the targets. contrastive, matching: weights of the
            two losses; 0 leaves one out. Without the contrastive loss, negatives for matching are drawn evenly.

    Reads ``media_id`` of the batch, (B,) long: which image or clip a sample shows (`AddMediaId`); equal ones are positives.
    Predictions, for the pair as it stands in the batch: ``pred_similarity`` (cosine) and ``pred_match`` (probability).
    Whole galleries are scored by the loops of `mplug2.engine.loops.retrieval`.
    """

    training_state = ('momentum_encoder.*', 'momentum_head.*', '*_queue.*')
    prediction_config = dict(momentum=None)

    def __init__(
        self,
        network: Network,
        tokenizer,
        media: str = 'video',
        projection_dim: int = 256,
        temperature: float = 0.07,
        momentum: float | None = 0.995,
        queue_size: int = 65536,
        distill_alpha: float = 0.4,
        contrastive: float = 1.0,
        matching: float = 1.0,
    ) -> None:
        super().__init__()
        self.spec = vision_spec(media, 'text', 'text_encoder universal fusion')
        self.soft = distill_alpha
        self.contrastive_weight, self.matching_weight = contrastive, matching
        self.head = ContrastiveHead(network.width, projection_dim, temperature)
        self.matching = MatchingHead(network.width)
        self.momentum_encoder = self.momentum_head = None
        if momentum is not None:
            parts = [name for name in EMBEDDED if getattr(network, name) is not None]
            # The network that a task is shown has no storage; the momentum encoders are filled at their first update.
            self.momentum_encoder = MomentumEncoder(network.subset(parts), momentum).to_empty(
                device=self.head.temperature.device
            )
            self.momentum_head = MomentumEncoder(self.head, momentum)
            for value in (
                *self.momentum_encoder.parameters(),
                *self.momentum_encoder.buffers(),
                *self.momentum_head.parameters(),
            ):
                value.data.zero_()  # no weights yet, as a checkpoint will say
            self.build_queues(queue_size, projection_dim)

    def build_queues(self, size: int, width: int) -> None:
        self.vision_queue = FeatureQueue(size, width)
        self.text_queue = FeatureQueue(size, width)

    def queues(self, batch: Batch) -> tuple[FeatureQueue, FeatureQueue]:
        """Of vision and of text, for a batch."""
        return self.vision_queue, self.text_queue

    def init_weights(self) -> None:
        self.head.init_weights()
        self.matching.init_weights()

    def embed_vision(self, vision: VisionFeatures) -> Tensor:
        """Unit vectors (B, E), fp32."""
        return self.head.vision(vision.pooled)

    def embed_text(self, text: TextFeatures) -> Tensor:
        """Unit vectors (B, E), fp32."""
        return self.head.text(text.pooled)

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

    def relevance(self, match: Tensor, vision_embedding: Tensor, text_embeddings: Tensor) -> Tensor:
        """What the pairs of one image or clip with K texts are ranked by (K,): matching log-odds plus contrastive logit.

        Matching has learned to tell pairs from negatives that were drawn by their contrastive logit, so its log-odds hold what
        that logit leaves out, and the sum is the whole (as in noise-contrastive estimation with that noise).

        Args:
            match: (K, 2) of `match`. vision_embedding: (E,). text_embeddings: (K, E).
        """
        odds = match[:, 1] - match[:, 0]
        if not self.contrastive_weight:
            return odds  # nothing has trained the embeddings
        return odds + self.head.logits(text_embeddings, vision_embedding[None])[:, 0]

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        if 'media_id' not in batch.extra:
            raise KeyError(
                "retrieval needs 'media_id' in the batch: add AddMediaId to the pipeline and 'media_id' to PackInputs"
            )
        if self.training:
            self.head.keep_in_bounds()
        ids = batch.extra['media_id']
        vision, text = features.vision(), features.text()
        vision_embedding, text_embedding = self.embed_vision(vision), self.embed_text(text)
        losses = {}
        if self.contrastive_weight:
            contrast = self._contrast_in_batch if self.momentum_encoder is None else self._contrast_with_queues
            loss = contrast(features, batch, vision_embedding, text_embedding)
            losses.update(
                loss_contrastive=self.contrastive_weight * loss,
                temperature=self.head.temperature.detach().clone(),  # the optimizer moves it before it is logged
            )
        if self.matching_weight:
            loss = self._match_hard(features, vision_embedding, text_embedding, ids)
            losses.update(loss_matching=self.matching_weight * loss)
        return losses

    def _contrast_in_batch(self, features: Features, batch: Batch, vision_embedding: Tensor, text_embedding: Tensor) -> Tensor:
        ids = batch.extra['media_id']
        all_vision, all_text = gather_with_gradients(vision_embedding, text_embedding)
        (all_ids,) = gather_features(ids)
        targets = contrastive_targets(positive_pairs(ids, all_ids))
        pairs = ((vision_embedding, all_text), (text_embedding, all_vision))
        return 0.5 * sum(contrastive_loss(self.head.logits(rows, columns), targets) for rows, columns in pairs)

    def _contrast_with_queues(
        self, features: Features, batch: Batch, vision_embedding: Tensor, text_embedding: Tensor
    ) -> Tensor:
        ids = batch.extra['media_id']
        momentum_vision, momentum_text = self._momentum_embeddings(features, batch)
        gathered_vision, gathered_text, gathered_ids = gather_features(momentum_vision, momentum_text, ids)
        vision_queue, text_queue = self.queues(batch)
        loss = 0.5 * (
            self._contrast(vision_embedding, momentum_vision, ids, *text_queue.columns(gathered_text, gathered_ids))
            + self._contrast(text_embedding, momentum_text, ids, *vision_queue.columns(gathered_vision, gathered_ids))
        )
        if self.training:  # what a validation's loss sees leaves no trace
            vision_queue.enqueue(gathered_vision, gathered_ids)
            text_queue.enqueue(gathered_text, gathered_ids)
        return loss

    @torch.no_grad()
    def update_momentum_encoder(self, network: Network) -> None:
        self.momentum_encoder.update(network)
        self.momentum_head.update(self.head)

    @torch.no_grad()
    def _momentum_embeddings(self, features: Features, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.training:
            self.update_momentum_encoder(features.network)
        momentum_encoder = Features(self.momentum_encoder.module, batch)
        head = self.momentum_head.module
        return head.vision(momentum_encoder.vision().pooled), head.text(momentum_encoder.text().pooled)

    def _contrast(self, rows: Tensor, momentum_rows: Tensor, ids: Tensor, columns: Tensor, column_ids: Tensor) -> Tensor:
        """Rows (B, E) of one kind against columns (M, E) of the other."""
        empty = column_ids == FeatureQueue.EMPTY
        logits = self.head.logits(rows, columns).masked_fill(empty, float('-inf'))
        with torch.no_grad():
            momentum_logits = self.head.logits(momentum_rows, columns).masked_fill(empty, float('-inf'))
        return contrastive_loss(logits, contrastive_targets(positive_pairs(ids, column_ids), momentum_logits, self.soft))

    def _match_hard(self, features: Features, vision_embedding: Tensor, text_embedding: Tensor, ids: Tensor) -> Tensor:
        """Each pair, each image with a wrong text that is near it, and each text with such an image."""
        if self.training and len(ids) == 1:
            warnings.warn(
                "matching draws its negatives from the batch of a process, of one sample here, so that it learns 'yes' alone: "
                "take larger batches, or the task's matching=0",
                stacklevel=2,
            )
        similarity = self.head.logits(vision_embedding.detach(), text_embedding.detach())
        if not self.contrastive_weight:
            similarity = torch.zeros_like(similarity)  # nothing trains the embeddings
        positives = positive_pairs(ids, ids)
        wrong_text, text_found = hard_negatives(similarity, positives)
        wrong_vision, vision_found = hard_negatives(similarity.T, positives)
        own = torch.arange(len(ids), device=ids.device)
        text = features.text().select(torch.cat([own, wrong_text, own]))
        vision = features.vision().select(torch.cat([own, own, wrong_vision]))
        logits = self.match(features.network, text, vision)
        matched = torch.arange(len(logits), device=ids.device) < len(ids)
        return matching_loss(logits, matched, torch.cat([torch.ones_like(text_found), text_found, vision_found]))

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        similarity = (self.embed_vision(features.vision()) * self.embed_text(features.text())).sum(1)
        match = self.matching(features.fused().pooled).softmax(-1)[:, 1]
        for sample, cosine, probability in zip(batch.samples, similarity.tolist(), match.tolist(), strict=True):
            sample.pred_similarity = cosine
            sample.pred_match = probability
        return batch.samples
