"""The feature queue of contrastive learning (MoCo). N features, E channels."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import MODELS


@MODELS.register_module()
class FeatureQueue(nn.Module):
    """The last features of earlier steps, as further negatives. All of it is in the state dict, so a resume is exact.

    Args:
        size: N. width: E.

    Attributes:
        features: (N, E). ids: (N,) long, what each belongs to; `EMPTY` where nothing was put yet.
    """

    EMPTY = -1

    def __init__(self, size: int, width: int) -> None:
        super().__init__()
        self.register_buffer('features', torch.zeros(size, width))
        self.register_buffer('ids', torch.full((size,), self.EMPTY))
        self.register_buffer('cursor', torch.zeros((), dtype=torch.long))

    @torch.no_grad()
    def enqueue(self, features: Tensor, ids: Tensor) -> None:
        """Put features in place of the oldest; nothing is read off the device.

        Rows that are not finite become empty ones: the optimizer leaves such a step out, and the queue is to forget it, too.

        Args:
            features: (M, E), any M; of more than N the last N stay. Under data parallelism those of all
                processes, so that all ranks hold the same queue.
            ids: (M,) long, not negative.
        """
        size, count = len(self.ids), len(ids)
        kept = min(size, count)
        places = (self.cursor + torch.arange(count - kept, count, device=self.ids.device)) % size
        features = F.normalize(features[count - kept :].to(self.features.dtype), dim=-1)
        finite = features.isfinite().all(1)
        self.features[places] = torch.where(finite[:, None], features, 0.0)
        self.ids[places] = torch.where(finite, ids[count - kept :], self.EMPTY)
        self.cursor.copy_((self.cursor + count) % size)

    def columns(self, features: Tensor, ids: Tensor) -> tuple[Tensor, Tensor]:
        """Columns of a similarity matrix: the batch's (M, E) and (M,), then the queue's: (M + N, E) and (M + N,).

        Logits of columns whose id is `EMPTY` must be set to minus infinity.
        """
        return torch.cat([features, self.features.to(features.dtype)]), torch.cat([ids, self.ids])
