"""The optimizer wrapper: bf16 autocast on any device, gradient clipping that does not wait for the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper as _OptimWrapper
from torch import Tensor, nn

from ..registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(_OptimWrapper):
    """MMEngine's wrapper, with bf16 in the forward pass on request; bf16 needs no loss scaling, on the CPU or elsewhere.

    Args:
        dtype: 'bfloat16' to run the forward pass under autocast, None for full precision. others: as in MMEngine.
    """

    def __init__(self, *args: Any, dtype: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if dtype not in (None, 'bfloat16'):
            raise ValueError(f"optim_wrapper.dtype is None or 'bfloat16', not {dtype!r}")
        self.dtype = None if dtype is None else torch.bfloat16
        self.grad_norm: Tensor | None = None

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Around the forward pass."""
        device = next(model.parameters()).device.type
        with super().optim_context(model), torch.autocast(device, self.dtype, enabled=self.dtype is not None):
            yield

    def _clip_grad(self) -> None:
        parameters = [p for group in self.optimizer.param_groups for p in group['params'] if p.grad is not None]
        if parameters:
            # Kept as a tensor: MMEngine's wrapper turns it into a float here, which waits for the whole backward pass.
            self.grad_norm = self.clip_func(parameters, **self.clip_grad_kwargs)
