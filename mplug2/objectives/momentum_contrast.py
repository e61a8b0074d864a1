"""Contrast with a momentum encoder and queues (MoCo, He et al. 2020; ALBEF, Li et al. 2021).

Letters in shapes: B samples, M columns of a similarity matrix, E channels of an embedding.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..modules.heads import ContrastiveHead
from ..modules.momentum import MomentumEncoder
from ..modules.queue import FeatureQueue
from ..networks import Features, Network
from ..registry import MODELS
from ..structures import Batch
from .contrastive import Contrast
from .gather import gather_features
from .losses import contrastive_loss, contrastive_targets, positive_pairs


@MODELS.register_module()
class MomentumContrast(Contrast):
    """Contrast with the features that a momentum encoder gives the batch and gave earlier ones (queues).

    Targets are softened by the momentum encoder's similarities. Momentum encoder and queues are state, so checkpoints resume
    exactly. The momentum encoder moves once a step (`begin_step`), whatever number of batches the step takes. One momentum
    encoder serves all kinds of media; each kind has queues of its own, so that negatives are of one kind.

    Args:
        network, head, media, weight: as in `Contrast`. momentum: how much of the momentum encoder stays at a step.
        queue_size: features kept of earlier steps, of vision and of text, for each kind of media.
        distill_alpha: share of the momentum encoder's softmax in the targets. distill_warmup: steps over which the share grows
            from 0 (ALBEF: those of the first epoch); 0 has it whole from the first step on.
    """

    # A file may lack one of these, and have the others.
    training_state = ('momentum_encoder.*', 'momentum_head.*', '*_queue.*', 'distill_steps')

    def __init__(
        self,
        network: Network,
        head: ContrastiveHead,
        media: tuple[str, ...],
        weight: float = 1.0,
        momentum: float = 0.995,
        queue_size: int = 65536,
        distill_alpha: float = 0.4,
        distill_warmup: int = 0,
    ) -> None:
        super().__init__(network, head, media, weight)
        self.media, self.distill_alpha, self.distill_warmup = media, distill_alpha, distill_warmup
        if distill_warmup:
            self.register_buffer('distill_steps', torch.zeros(()))
        self.momentum_encoder = MomentumEncoder(network.averaged(), momentum)
        self.momentum_head = MomentumEncoder(head, momentum)
        for prefix in self._queue_prefixes():
            self.register_module(f'{prefix}vision_queue', FeatureQueue(queue_size, head.projection_dim))
            self.register_module(f'{prefix}text_queue', FeatureQueue(queue_size, head.projection_dim))

    def _queue_prefixes(self) -> list[str]:
        return [f'{kind}_' for kind in self.media] if len(self.media) > 1 else ['']

    def queues(self, batch: Batch) -> tuple[FeatureQueue, FeatureQueue]:
        """Of vision and of text, for a batch.

        Raises:
            ValueError: there are several kinds of media, and the batch shows another.
        """
        prefix = ''
        if len(self.media) > 1:
            kind = batch.samples[0].media
            if kind not in self.media:
                raise ValueError(f'MomentumContrast has queues for {" and ".join(self.media)}; the batch shows {kind}')
            prefix = f'{kind}_'
        return getattr(self, f'{prefix}vision_queue'), getattr(self, f'{prefix}text_queue')

    def begin_step(self, network: Network, head: ContrastiveHead) -> None:
        self.momentum_encoder.update(network)
        self.momentum_head.update(head)
        if self.distill_warmup:
            self.distill_steps += 1

    def _alpha(self) -> float | Tensor:
        if not self.distill_warmup:
            return self.distill_alpha
        return self.distill_alpha * ((self.distill_steps - 1) / self.distill_warmup).clamp(0, 1)

    def forward(self, features: Features, batch: Batch, head: ContrastiveHead, vision: Tensor, text: Tensor) -> Tensor:
        """See `Contrast.forward`.

        Raises:
            RuntimeError: in training, nothing has called `begin_step` yet.
        """
        if self.training and not self.momentum_encoder.has_weights:
            raise RuntimeError(
                "the momentum encoder is empty: the training loop moves it by the task's `begin_step`; use TrainLoop or "
                'PretrainLoop, or call it before each step'
            )
        ids = batch['media_id']
        momentum_vision, momentum_text = self._momentum_embeddings(batch)
        gathered_vision, gathered_text, gathered_ids = gather_features(momentum_vision, momentum_text, ids)
        vision_queue, text_queue = self.queues(batch)
        loss = 0.5 * (
            self._contrast(head, vision, momentum_vision, ids, *text_queue.columns(gathered_text, gathered_ids))
            + self._contrast(head, text, momentum_text, ids, *vision_queue.columns(gathered_vision, gathered_ids))
        )
        if self.training:  # what a validation's loss sees leaves no trace
            vision_queue.enqueue(gathered_vision, gathered_ids)
            text_queue.enqueue(gathered_text, gathered_ids)
        return loss

    @torch.no_grad()
    def _momentum_embeddings(self, batch: Batch) -> tuple[Tensor, Tensor]:
        features = Features(self.momentum_encoder.module, batch)
        head = self.momentum_head.module
        return head.vision(features.vision().pooled), head.text(features.text().pooled)

    def _contrast(
        self, head: ContrastiveHead, rows: Tensor, momentum_rows: Tensor, ids: Tensor, columns: Tensor, column_ids: Tensor
    ) -> Tensor:
        """Rows (B, E) of one modality against columns (M, E) of the other."""
        empty = column_ids == FeatureQueue.EMPTY
        logits = head.logits(rows, columns).masked_fill(empty, float('-inf'))
        with torch.no_grad():
            momentum_logits = head.logits(momentum_rows, columns).masked_fill(empty, float('-inf'))
        targets = contrastive_targets(positive_pairs(ids, column_ids), momentum_logits, self._alpha())
        return contrastive_loss(logits, targets)
