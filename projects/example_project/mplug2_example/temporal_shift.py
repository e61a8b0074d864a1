"""A temporal module: channels that look one frame back or ahead (TSM, arXiv:1811.08383)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mplug2.registry import MODELS


@MODELS.register_module()
class TemporalShift(nn.Module):
    """Shift a share of the channels by a frame either way, then mix all channels of a patch.

    Args:
        width: C, given by the vision encoder. share: of the channels that are shifted, half of it each way.
    """

    def __init__(self, width: int, share: float = 0.25) -> None:
        super().__init__()
        self.shifted = int(width * share / 2)
        self.mix = nn.Linear(width, width)

    def init_weights(self) -> None:
        """Adds nothing at first, so that a pre-trained image encoder starts as it is."""
        nn.init.zeros_(self.mix.weight)
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, P, C). Returns (B, T, P, C), which the encoder adds to x."""
        back, ahead, rest = x.split([self.shifted, self.shifted, x.shape[-1] - 2 * self.shifted], dim=-1)
        blank = torch.zeros_like(back[:, :1])
        back = torch.cat([back[:, 1:], blank], dim=1)
        ahead = torch.cat([blank, ahead[:, :-1]], dim=1)
        return self.mix(torch.cat([back, ahead, rest], dim=-1))
