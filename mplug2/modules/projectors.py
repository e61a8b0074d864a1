"""Projectors: modules of two widths meet through one. B samples, N tokens, C channels."""

from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS
from .layers import initialize_transformer


@MODELS.register_module()
class LinearProjector(nn.Module):
    """One linear map and a layer norm.

    Args:
        in_width, width: C before and after; a network fills both in. eps: of the layer norm.
    """

    def __init__(self, in_width: int, width: int, eps: float = 1e-12) -> None:
        super().__init__()
        self.width = width
        self.linear = nn.Linear(in_width, width)
        self.norm = nn.LayerNorm(width, eps)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, N, in_width). Returns (B, N, width)."""
        return self.norm(self.linear(x))
