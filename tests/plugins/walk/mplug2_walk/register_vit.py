"""A ViT with register tokens (Darcet et al. 2023) and rotary positions; it has no class token and no table of positions.

Letters in shapes: B samples, T frames, P patches per frame, R registers, C channels, D channels of a head.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mplug2.modules import Block, VisionTokens
from mplug2.modules.contracts import join_frames
from mplug2.modules.layers import FeedForward, Residual, attention, initialize_transformer, merge_heads, split_heads
from mplug2.registry import MODELS


def rotary_angles(grid: tuple[int, int], channels: int, like: Tensor) -> Tensor:
    """Angles of the patches, (P, D / 2): the first half turns with the row, the second with the column.

    Args:
        channels: D, a multiple of 4. like: gives device.
    """
    rates = 100.0 ** -torch.linspace(0, 1, channels // 4, device=like.device)
    rows, columns = (torch.arange(side, device=like.device) for side in grid)
    places = torch.cartesian_prod(rows, columns).float()
    return torch.cat([places[:, :1] * rates, places[:, 1:] * rates], 1)


def rotate(x: Tensor, angles: Tensor, start: int) -> Tensor:
    """Turn queries or keys (B, H, L, D) from token `start` on by their angles (L - start, D / 2)."""
    first, second = x[:, :, start:].chunk(2, -1)
    cos, sin = angles.cos().to(x.dtype), angles.sin().to(x.dtype)
    turned = torch.cat([first * cos - second * sin, first * sin + second * cos], -1)
    return torch.cat([x[:, :, :start], turned], 2)


class RegisterBlock(Block):
    """A pre-norm layer within each frame: a temporal residual over the patches, rotary attention, feed-forward.

    Args:
        width: C. num_heads: H. ffn_dim: of the feed-forward. temporal: config of a temporal module, or None.
    """

    def __init__(self, width: int, num_heads: int, ffn_dim: int, temporal: dict | None) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = FeedForward(width, ffn_dim)
        self.attention_residual, self.feed_forward_residual = Residual(width, 'pre', 1e-6), Residual(width, 'pre', 1e-6)
        self.temporal = None if temporal is None else MODELS.build(dict(temporal, width=width))
        self.temporal_residual = None if temporal is None else Residual(width, 'pre', 1e-6)

    def run(self, x: Tensor, frames: int, angles: Tensor) -> Tensor:
        """x: (B*T, R + P, C). frames: T. angles: of `rotary_angles`. Returns the same shape."""
        registers = x.shape[1] - len(angles)
        if self.temporal is not None:
            patches = self.temporal_residual(x[:, registers:].unflatten(0, (-1, frames)), self.temporal)
            x = torch.cat([x[:, :registers], patches.flatten(0, 1)], 1)

        def attend(y: Tensor) -> Tensor:
            query, key, value = (split_heads(part, self.num_heads) for part in self.qkv(y).chunk(3, -1))
            return self.out(merge_heads(attention(rotate(query, angles, registers), rotate(key, angles, registers), value)))

        return self.feed_forward_residual(self.attention_residual(x, attend), self.feed_forward)


@MODELS.register_module()
class RegisterViT(nn.Module):
    """A vision encoder whose prefix tokens are registers, of which the first represents the clip.

    Args:
        image_size, patch_size: sides, in pixels; frames of other sizes are read as they are. width: C. num_layers, num_heads,
            ffn_dim: of the blocks. num_registers: R. temporal: config of a temporal module, or None.
    """

    token_parameters = ('registers',)

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        width: int,
        num_layers: int,
        num_heads: int,
        ffn_dim: int,
        num_registers: int = 4,
        temporal: dict | None = None,
    ) -> None:
        super().__init__()
        if width % (4 * num_heads):
            raise ValueError(f'width {width} is not a multiple of 4 x {num_heads} heads, which rotary positions in rows need')
        self.image_size, self.patch_size, self.width, self.num_prefix_tokens = image_size, patch_size, width, num_registers
        self.head_width = width // num_heads
        self.patch_embedding = nn.Conv2d(3, width, patch_size, patch_size)
        self.registers = nn.Parameter(torch.zeros(num_registers, width))
        self.blocks = nn.ModuleList(RegisterBlock(width, num_heads, ffn_dim, temporal) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.normal_(self.registers, std=0.02)
        for block in self.blocks:
            if block.temporal is not None:
                block.temporal.init_weights()

    def layer_groups(self) -> list[list[nn.Module | nn.Parameter]]:
        return [[self.patch_embedding, self.registers], *([block] for block in self.blocks)]

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        return tensor  # positions are computed, so they fit every grid

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W). Returns (B, R + T*P, C): registers, mean over frames, then patches frame-major."""
        count = frames.shape[1]
        x = self.patch_embedding(frames.flatten(0, 1))
        grid = (x.shape[-2], x.shape[-1])
        x = torch.cat([self.registers.to(x.dtype).expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], 1)
        angles = rotary_angles(grid, self.head_width, x)
        for block in self.blocks:
            x = block(x, count, angles)
        tokens = join_frames(x.unflatten(0, (-1, count)), self.num_prefix_tokens)
        return VisionTokens(self.norm(tokens), count, grid)
