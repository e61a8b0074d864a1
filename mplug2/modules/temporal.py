"""Temporal modules of the vision blocks (Table 15): what patches learn from the same place in other frames.

A temporal module maps patches (B, T, P, C) to a residual of the same shape; the block adds it and owns the layer norm.
Letters: B samples, T frames, P patches per frame, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import MODELS
from .layers import SelfAttention, activation_function


def temporal_convolution(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Depth-wise convolution over the frames of channels-last patches, zero padded.

    On the CPU, (B, T, P, C) in memory is a channels-last image of T rows and P columns, so one 2-D convolution of a K x 1
    kernel reads and writes it in place: no copy to channels-first, as a 3-D convolution needs. On a GPU cuDNN takes longer for
    that than `shifted_products` takes, which compiled blocks also merge with what is around them.

    Args:
        x: (B, T, P, C). weight: (C, K), K odd. bias: (C,) or None.

    Returns:
        (B, T, P, C).
    """
    channels, taps = weight.shape
    if x.shape[1] == 1:  # an image: the other taps would read zeros
        out = x * weight[:, taps // 2].to(x.dtype)
        return out if bias is None else out + bias.to(x.dtype)
    if x.is_cuda:
        return shifted_products(x, weight, bias)
    out = F.conv2d(x.permute(0, 3, 1, 2), weight[:, None, :, None], bias, padding=(taps // 2, 0), groups=channels)
    return out.permute(0, 2, 3, 1)


def shifted_products(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """`temporal_convolution` as a sum: the clip once for each tap, moved by as many frames and weighted."""
    frames, taps = x.shape[1], weight.shape[1]
    padded = F.pad(x, (0, 0, 0, 0, taps // 2, taps // 2))
    weight = weight.to(x.dtype)
    first = padded[:, :frames]
    out = first * weight[:, 0] if bias is None else torch.addcmul(bias.to(x.dtype), first, weight[:, 0])
    for tap in range(1, taps):
        out = torch.addcmul(out, padded[:, tap : tap + frames], weight[:, tap])
    return out


@MODELS.register_module()
class LocalTemporal(nn.Module):
    """Local temporal modelling, multi-group fusion (Eq. 4-5): project, convolve each group over time, activate, project.

    Args:
        width: C. hidden_dim: channels between the projections; C // 2 if None. groups: G, each with one temporal kernel;
            None means one a channel (the paper's G = C and the published weights). kernel_size: frames that a patch sees.
        activation: 'quick_gelu' (published weights) or 'relu' (Eq. 4). bias: of the temporal kernel.

    The last projection starts at zero, so that an image model stays what it was.
    """

    def __init__(
        self,
        width: int,
        hidden_dim: int | None = None,
        groups: int | None = None,
        kernel_size: int = 3,
        activation: str = 'quick_gelu',
        bias: bool = True,
    ) -> None:
        super().__init__()
        hidden_dim = hidden_dim or width // 2
        groups = groups or hidden_dim
        if hidden_dim % groups:
            raise ValueError(f'{hidden_dim} hidden channels cannot be split into {groups} groups')
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, not {kernel_size}')
        self.down = nn.Linear(width, hidden_dim)
        self.kernel = nn.Parameter(torch.zeros(groups, kernel_size))
        self.bias = nn.Parameter(torch.zeros(hidden_dim)) if bias else None
        self.up = nn.Linear(hidden_dim, width)
        self.activation = activation_function(activation)
        self.channels_per_group = hidden_dim // groups

    def init_weights(self) -> None:
        bound = self.kernel.shape[1] ** -0.5
        nn.init.uniform_(self.kernel, -bound, bound)
        if self.bias is not None:
            nn.init.zeros_(self.bias)
        nn.init.zeros_(self.up.weight)
        nn.init.zeros_(self.up.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, P, C). Returns (B, T, P, C)."""
        weight = self.kernel.repeat_interleave(self.channels_per_group, 0) if self.channels_per_group > 1 else self.kernel
        return self.up(self.activation(temporal_convolution(self.down(x), weight, self.bias)))


@MODELS.register_module()
class TemporalSelfAttention(nn.Module):
    """Self-attention of a patch over its own place in all frames (Table 15).

    Args:
        width: C. num_heads: attention heads.
    """

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        self.attention = SelfAttention(width, num_heads)

    def init_weights(self) -> None:
        nn.init.zeros_(self.attention.out.weight)
        nn.init.zeros_(self.attention.out.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, P, C). Returns (B, T, P, C)."""
        batch, _, patches, _ = x.shape
        y = self.attention(x.transpose(1, 2).flatten(0, 1))
        return y.unflatten(0, (batch, patches)).transpose(1, 2)


@MODELS.register_module()
class TemporalConvolution(nn.Module):
    """One full convolution over time (Table 15): every channel from every channel of the neighbouring frames.

    Args:
        width: C. kernel_size: frames that a patch sees, odd.
    """

    def __init__(self, width: int, kernel_size: int = 3) -> None:
        super().__init__()
        if kernel_size % 2 == 0:
            raise ValueError(f'kernel_size must be odd, not {kernel_size}')
        self.convolution = nn.Conv1d(width, width, kernel_size, padding=kernel_size // 2)

    def init_weights(self) -> None:
        nn.init.zeros_(self.convolution.weight)
        nn.init.zeros_(self.convolution.bias)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, P, C). Returns (B, T, P, C)."""
        # As a K x 1 convolution of a channels-last image, for the reason given in `temporal_convolution`.
        weight, bias = self.convolution.weight[..., None], self.convolution.bias
        out = F.conv2d(x.permute(0, 3, 1, 2), weight, bias, padding=(weight.shape[2] // 2, 0))
        return out.permute(0, 2, 3, 1)
