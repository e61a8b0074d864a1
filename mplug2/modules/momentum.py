"""The momentum encoder and the feature queue of contrastive learning (MoCo, ALBEF). N features, E channels."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from mmengine.dist import all_gather, get_world_size
from torch import Tensor, nn
from torch.distributed.nn.functional import all_gather as all_gather_with_gradients
from torch.distributed.tensor import DTensor

from ..registry import MODELS
from ..utils.dtensor import local_shard


class MomentumEncoder(nn.Module):
    """A slowly moving average of a module, without gradients or dropout; ``momentum_encoder.module`` computes the features.

    Filled at its first `update`, when the source's weights are loaded, unless a checkpoint that holds the momentum encoder was
    loaded before; whether it is filled is part of its state. Parameters are paired by name, so a momentum encoder of some parts
    (`Network.averaged`) follows the whole network. Under FSDP2 it is built before sharding; its blocks are sharded like their
    sources, and the rest of it is whole.

    Args:
        module: copied. momentum: how much of the momentum encoder stays at each update.
    """

    def __init__(self, module: nn.Module, momentum: float = 0.995) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.momentum = momentum
        self.filled = False

    def train(self, mode: bool = True) -> MomentumEncoder:
        """Stays in evaluation mode: its targets carry no dropout noise."""
        return super().train(False)

    @torch.no_grad()
    def update(self, source: nn.Module) -> None:
        """Move towards `source`; the first time, become it.

        Raises:
            KeyError: the source lacks a parameter of the momentum encoder's.
        """
        mine, theirs = dict(self.module.named_parameters()), dict(source.named_parameters())
        missing = [name for name in mine if name not in theirs]
        if missing:
            raise KeyError(f'the source of a momentum encoder lacks {len(missing)} of its parameters, first {missing[0]!r}')
        if mine:
            moved, towards = zip(*(slices(own, theirs[name]) for name, own in mine.items()), strict=True)
            torch._foreach_lerp_(moved, towards, 1 - self.momentum if self.filled else 1.0)
        buffers = dict(source.named_buffers())
        for name, buffer in self.module.named_buffers():
            buffer.copy_(buffers[name])
        self.filled = True

    def get_extra_state(self) -> Tensor:
        return torch.tensor(self.filled)

    def set_extra_state(self, state: Tensor) -> None:
        self.filled = bool(state)


def momentum_encoders_of(model: nn.Module) -> list[nn.Module]:
    """What the momentum encoders of a model average."""
    return [momentum_encoder.module for momentum_encoder in model.modules() if isinstance(momentum_encoder, MomentumEncoder)]


def slices(own: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """What this process has of a parameter of the momentum encoder, and the same part of its source."""
    if isinstance(own, DTensor):
        return local_shard(own), local_shard(theirs.detach())
    return own.detach(), theirs.full_tensor().detach() if isinstance(theirs, DTensor) else theirs.detach()


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
            features: (M, E), any M; of more than N the last N stay. Under data parallelism the gathered ones
                (`gather_features`), so that all ranks hold the same queue.
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


@torch.no_grad()
def gather_features(*features: Tensor) -> list[Tensor]:
    """Each tensor (B, ...) of all ranks, one after the other, (ranks * B, ...), without gradients. B is equal on all ranks."""
    return [torch.cat(all_gather(one.contiguous())) for one in features]


def gather_with_gradients(*features: Tensor) -> list[Tensor]:
    """As `gather_features`; each rank's part has the gradient of all ranks' losses, which DDP's mean then divides."""
    if get_world_size() == 1:
        return list(features)
    return [torch.cat(all_gather_with_gradients(one.contiguous())) for one in features]
