"""Tensors that FSDP2 shards over processes, and their unsharded forms."""

from __future__ import annotations

from torch import Tensor
from torch.distributed.tensor import DTensor, distribute_tensor


def full_tensor(value: Tensor) -> Tensor:
    """The whole tensor. If it is sharded, every process must call this."""
    return value.full_tensor() if isinstance(value, DTensor) else value


def shard_like(value: Tensor, like: Tensor) -> Tensor:
    """A whole tensor sharded as `like` is; each process takes its own slice."""
    if not isinstance(like, DTensor):
        return value
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements, src_data_rank=None)


def local_shard(value: Tensor) -> Tensor:
    """This process's shard of a tensor."""
    return value.to_local() if isinstance(value, DTensor) else value.detach()
