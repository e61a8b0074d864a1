"""The optimizer wrapper: bf16 autocast on any device, gradient clipping that does not wait for the device."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.optim import OptimWrapper as _OptimWrapper
from torch import Tensor, nn

from ..registry import OPTIM_WRAPPERS


def computes_bf16() -> bool:
    """Whether the GPU, or else the processor, multiplies bf16 natively; elsewhere it is emulated and slower than fp32."""
    if torch.cuda.is_available():
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(_OptimWrapper):
    """MMEngine's wrapper, with bf16 in the forward pass on request; bf16 needs no loss scaling, on the CPU or elsewhere.

    Args:
        dtype: 'bfloat16' to run the forward pass under autocast, None for full precision, 'auto' for bfloat16 where the
            hardware computes it natively. others: as in MMEngine.
    """

    def __init__(self, *args: Any, dtype: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if dtype not in (None, 'bfloat16', 'auto'):
            raise ValueError(f"optim_wrapper.dtype is None, 'bfloat16' or 'auto', not {dtype!r}")
        self.dtype = torch.bfloat16 if dtype == 'bfloat16' or (dtype == 'auto' and computes_bf16()) else None
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
