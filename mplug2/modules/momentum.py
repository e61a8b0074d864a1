"""The momentum encoder of contrastive learning (MoCo, ALBEF): a moving average of a module."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor

from ..utils.dtensor import local_shard


class MomentumEncoder(nn.Module):
    """A slowly moving average of a module, without gradients or dropout; ``momentum_encoder.module`` computes the features.

    The buffer ``filled`` says whether it holds weights. It has none before its first `update`, when it becomes its source,
    unless a checkpoint with a filled one is loaded. Parameters are paired by name, so a momentum encoder of some parts
    (`Network.averaged`) follows the whole network. Under FSDP2 it is built before sharding; its blocks are sharded like their
    sources, and the rest of it is whole.

    Args:
        module: copied. momentum: how much of the momentum encoder stays at each update.
    """

    filled: Tensor

    def __init__(self, module: nn.Module, momentum: float = 0.995) -> None:
        super().__init__()
        self.module = copy.deepcopy(module).requires_grad_(False).eval()
        self.momentum = momentum
        self.register_buffer('filled', torch.zeros((), dtype=torch.bool))
        self._has_weights = False  # `filled` on the host: no step waits for the device to say it

    @property
    def has_weights(self) -> bool:
        return self._has_weights

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
            torch._foreach_lerp_(moved, towards, 1 - self.momentum if self._has_weights else 1.0)
        buffers = dict(source.named_buffers())
        for name, buffer in self.module.named_buffers():
            buffer.copy_(buffers[name])
        if not self._has_weights:
            self.filled.fill_(True)
            self._has_weights = True

    def _load_from_state_dict(self, state_dict: dict, prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        if f'{prefix}filled' in state_dict:
            self._has_weights = bool(self.filled)


def momentum_encoders_of(model: nn.Module) -> list[nn.Module]:
    """What the momentum encoders of a model average."""
    return [momentum_encoder.module for momentum_encoder in model.modules() if isinstance(momentum_encoder, MomentumEncoder)]


def slices(own: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """What this process has of a parameter of the momentum encoder, and the same part of its source."""
    if isinstance(own, DTensor):
        return local_shard(own), local_shard(theirs.detach())
    return own.detach(), theirs.full_tensor().detach() if isinstance(theirs, DTensor) else theirs.detach()
