"""Models inside wrappers for parallel training."""

from __future__ import annotations

from torch import nn

from .lean_mmengine import is_model_wrapper


def unwrap(model: nn.Module) -> nn.Module:
    """The model without DDP around it."""
    return model.module if is_model_wrapper(model) else model
