"""Image-text and video-text retrieval: contrastive embeddings, and matching of single pairs.

Letters in shapes: B samples, M columns of a similarity matrix, E channels of an embedding, K texts for one picture or clip.
"""

from __future__ import annotations

import warnings

import torch
from torch import Tensor

from ..modules.heads import ContrastiveHead, MatchingHead
from ..modules.momentum import FeatureQueue, MomentumTwin, gather_features, gather_with_gradients
from ..networks.mplug2 import Features, Network, TextFeatures, VisionFeatures
from ..objectives.losses import contrastive_loss, contrastive_targets, hard_negatives, matching_loss, positive_pairs
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .spec import vision_spec

EMBEDDED = ('vision_encoder', 'text_encoder', 'universal')  # what an embedding goes through, so what the twin is made of


@TASKS.register_module()
class Retrieval(Task):
    """Find the text of a picture or clip and the other way round (Table 2, "Image / Video-Text Retrieval"; Section 3.2).

    Trained by a contrastive loss against the features that a momentum twin gives the batch and gave earlier ones (queues),
    with targets softened by the twin, and by matching each pair against one hard negative either way (ALBEF's recipe, which
    the paper names). Twin and queues are part of the task's state, so checkpoints resume exactly. The twin moves once a
    training forward, before it is used. Without a twin (``momentum=None``) the batch is contrasted with itself, over all
    processes and with their gradients, as CLIP is.

    Args:
        network, tokenizer: given by the model. media: 'image' or 'video'.
        embedding: E. temperature: initial. momentum: how much of the twin stays at a step; None for no twin, and then no queues
            and hard targets. queue_size: features kept of earlier steps, each way. soft: share of the twin's softmax in the
            targets. contrastive, matching: weights of the
            two losses; 0 leaves one out. Without the contrastive loss, negatives for matching are drawn evenly.

    Reads ``item`` of the batch, (B,) long: which picture or clip a sample shows (`MediaIdentity`); equal ones are positives.
    Predictions, for the pair as it stands in the batch: ``pred_similarity`` (cosine) and ``pred_match`` (probability).
    Whole galleries are scored by the loops of `mplug2.engine.loops.retrieval`.
    """

    training_state = ('twin.*', 'twin_head.*', '*_queue.*')

    def __init__(
        self,
        network: Network,
        tokenizer,
        media: str = 'video',
        embedding: int = 256,
        temperature: float = 0.07,
        momentum: float | None = 0.995,
        queue_size: int = 65536,
        soft: float = 0.4,
        contrastive: float = 1.0,
        matching: float = 1.0,
    ) -> None:
        super().__init__()
        self.spec = vision_spec(media, 'text', 'text_encoder universal fusion')
        self.soft = soft
        self.contrastive_weight, self.matching_weight = contrastive, matching
        self.head = ContrastiveHead(network.width, embedding, temperature)
        self.matching = MatchingHead(network.width)
        self.twin = self.twin_head = None
        if momentum is not None:
            parts = [name for name in EMBEDDED if getattr(network, name) is not None]
            # The network that a task is shown has no storage; the twins are filled at their first update.
            self.twin = MomentumTwin(network.subset(parts), momentum).to_empty(device=self.head.temperature.device)
            self.twin_head = MomentumTwin(self.head, momentum)
            for value in (*self.twin.parameters(), *self.twin.buffers(), *self.twin_head.parameters()):
                value.data.zero_()  # no weights yet, as a checkpoint will say
            self.build_queues(queue_size, embedding)

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
        return self.head.vision(vision.summary)

    def embed_text(self, text: TextFeatures) -> Tensor:
        """Unit vectors (B, E), fp32."""
        return self.head.text(text.summary)

    def match(self, network: Network, text: TextFeatures, vision: VisionFeatures) -> Tensor:
        """Does each text belong to its picture or clip?

        Args:
            text: of B * K texts, those of one picture or clip next to each other. vision: of B; the K texts share its keys
                and values, except in the paper's form, where fusion changes the vision by each text.

        Returns:
            logits (B * K, 2), fp32; class 1 is "yes".
        """
        each = len(text.mask) // len(vision.memory)
        if each > 1 and network.reads_across:
            rows = torch.arange(len(vision.memory), device=vision.memory.device)
            vision = vision.select(rows.repeat_interleave(each))
        return self.matching(network.fuse(text, vision).summary)

    def relevance(self, match: Tensor, vision_embedding: Tensor, text_embeddings: Tensor) -> Tensor:
        """What the pairs of one picture or clip with K texts are ranked by (K,): matching log-odds plus contrastive logit.

        Matching has learnt to tell pairs from negatives that were drawn by their contrastive logit, so its log-odds hold what
        that logit leaves out, and the sum is the whole (as in noise-contrastive estimation with that noise).

        Args:
            match: (K, 2) of `match`. vision_embedding: (E,). text_embeddings: (K, E).
        """
        odds = match[:, 1] - match[:, 0]
        if not self.contrastive_weight:
            return odds  # nothing has trained the embeddings
        return odds + self.head.logits(text_embeddings, vision_embedding[None])[:, 0]

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        if 'item' not in batch.extra:
            raise KeyError("retrieval needs 'item' in the batch: add MediaIdentity to the pipeline and 'item' to PackInputs")
        if self.training:
            self.head.keep_in_bounds()
        ids = batch.extra['item']
        vision, text = features.vision(), features.text()
        vision_embedding, text_embedding = self.embed_vision(vision), self.embed_text(text)
        losses = {}
        if self.contrastive_weight:
            contrast = self._contrast_in_batch if self.twin is None else self._contrast_with_queues
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
        ids = batch.extra['item']
        all_vision, all_text = gather_with_gradients(vision_embedding, text_embedding)
        (all_ids,) = gather_features(ids)
        targets = contrastive_targets(positive_pairs(ids, all_ids))
        pairs = ((vision_embedding, all_text), (text_embedding, all_vision))
        return 0.5 * sum(contrastive_loss(self.head.logits(rows, columns), targets) for rows, columns in pairs)

    def _contrast_with_queues(
        self, features: Features, batch: Batch, vision_embedding: Tensor, text_embedding: Tensor
    ) -> Tensor:
        ids = batch.extra['item']
        twin_vision, twin_text = self._twin_embeddings(features, batch)
        gathered_vision, gathered_text, gathered_ids = gather_features(twin_vision, twin_text, ids)
        vision_queue, text_queue = self.queues(batch)
        loss = 0.5 * (
            self._contrast(vision_embedding, twin_vision, ids, *text_queue.columns(gathered_text, gathered_ids))
            + self._contrast(text_embedding, twin_text, ids, *vision_queue.columns(gathered_vision, gathered_ids))
        )
        if self.training:  # what a validation's loss sees leaves no trace
            vision_queue.enqueue(gathered_vision, gathered_ids)
            text_queue.enqueue(gathered_text, gathered_ids)
        return loss

    @torch.no_grad()
    def move_twin(self, network: Network) -> None:
        self.twin.update(network)
        self.twin_head.update(self.head)

    @torch.no_grad()
    def _twin_embeddings(self, features: Features, batch: Batch) -> tuple[Tensor, Tensor]:
        if self.training:
            self.move_twin(features.network)
        twin = Features(self.twin.module, batch)
        head = self.twin_head.module
        return head.vision(twin.vision().summary), head.text(twin.text().summary)

    def _contrast(self, rows: Tensor, twin_rows: Tensor, ids: Tensor, columns: Tensor, column_ids: Tensor) -> Tensor:
        """Rows (B, E) of one kind against columns (M, E) of the other."""
        empty = column_ids == FeatureQueue.EMPTY
        logits = self.head.logits(rows, columns).masked_fill(empty, float('-inf'))
        with torch.no_grad():
            twin_logits = self.head.logits(twin_rows, columns).masked_fill(empty, float('-inf'))
        return contrastive_loss(logits, contrastive_targets(positive_pairs(ids, column_ids), twin_logits, self.soft))

    def _match_hard(self, features: Features, vision_embedding: Tensor, text_embedding: Tensor, ids: Tensor) -> Tensor:
        """Each pair, each picture with a wrong text that is near it, and each text with such a picture."""
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
        match = self.matching(features.fused().summary).softmax(-1)[:, 1]
        for sample, cosine, probability in zip(batch.samples, similarity.tolist(), match.tolist(), strict=True):
            sample.pred_similarity = cosine
            sample.pred_match = probability
        return batch.samples
