"""Features of all processes. B samples of a process."""

from __future__ import annotations

import torch
from mmengine.dist import all_gather, get_world_size
from torch import Tensor
from torch.distributed.nn.functional import all_gather as all_gather_with_gradients


@torch.no_grad()
def gather_features(*features: Tensor) -> list[Tensor]:
    """Each tensor (B, ...) of all ranks, one after the other, (ranks * B, ...), without gradients. B is equal on all ranks."""
    return [torch.cat(all_gather(part.contiguous())) for part in features]


def gather_with_gradients(*features: Tensor) -> list[Tensor]:
    """As `gather_features`; each rank's part has the gradient of all ranks' losses, which DDP's mean then divides."""
    if get_world_size() == 1:
        return list(features)
    return [torch.cat(all_gather_with_gradients(part.contiguous())) for part in features]
