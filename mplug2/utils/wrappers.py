"""Models inside wrappers for parallel training."""

from __future__ import annotations

from mmengine.model import is_model_wrapper
from torch import nn


def unwrap(model: nn.Module) -> nn.Module:
    """The model without DDP around it."""
    return model.module if is_model_wrapper(model) else model
