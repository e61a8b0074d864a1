"""The dual-vision encoder: one ViT for images and videos, with temporal modules inside its blocks.

Letters in shapes: B samples, T frames, P patches per frame, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import MODELS
from .layers import Residual, TransformerLayer, initialize_transformer


def resize_positions(positions: Tensor, grid: tuple[int, int], mode: str = 'bilinear') -> Tensor:
    """Resample the position table of a square grid to another grid; the class row is kept.

    Args:
        positions: (1 + G*G, C), the class row first. grid: rows and columns wanted.

    Returns:
        (1 + rows * columns, C).
    """
    rows, columns = grid
    side = round((positions.shape[0] - 1) ** 0.5)
    if (side, side) == (rows, columns):
        return positions
    table = positions[1:].unflatten(0, (side, side)).permute(2, 0, 1)[None]
    table = F.interpolate(table.float(), (rows, columns), mode=mode, align_corners=False).to(positions.dtype)
    return torch.cat([positions[:1], table[0].flatten(1).T])


class VisionBlock(nn.Module):
    """A ViT layer within each frame, with temporal residuals before its attention and / or before its feed-forward.

    Args:
        layer: the spatial layer. temporal_first, temporal_second: modules for the two places, or None.
        norm, eps, width: of the temporal residuals.
    """

    def __init__(
        self,
        layer: TransformerLayer,
        temporal_first: nn.Module | None,
        temporal_second: nn.Module | None,
        width: int,
        norm: str,
        eps: float,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.temporal_first = temporal_first
        self.temporal_second = temporal_second
        self.residual_first = None if temporal_first is None else Residual(width, norm, eps)
        self.residual_second = None if temporal_second is None else Residual(width, norm, eps)

    def forward(self, x: Tensor, frames: int, with_temporal: bool) -> Tensor:
        """x: (B*T, 1 + P, C), frames: T. Returns the same shape; the class token never enters a temporal module."""
        if with_temporal and self.temporal_first is not None:
            x = mix_frames(x, frames, self.temporal_first, self.residual_first)
        x = self.layer.attend_self(x)
        if with_temporal and self.temporal_second is not None:
            x = mix_frames(x, frames, self.temporal_second, self.residual_second)
        return self.layer.feed(x)


def mix_frames(x: Tensor, frames: int, temporal: nn.Module, residual: Residual) -> Tensor:
    """Apply a temporal residual to the patches of (B*T, 1 + P, C)."""
    patches = x[:, 1:].unflatten(0, (-1, frames))
    return torch.cat([x[:, :1], residual(patches, temporal).flatten(0, 1)], 1)


@MODELS.register_module()
class DualVisionEncoder(nn.Module):
    """ViT over frames with local temporal modelling (Section 3.1, Eq. 1-5). An image is a video of one frame.

    Args:
        image_size: side of the square that the position table is made for; other sizes resample it.
        patch_size: side of a patch. width: C. layers, heads: of the ViT. hidden: of its feed-forward, 4 C if None.
        temporal: config of a temporal module (its ``width`` is filled in), or None.
        temporal_at: places in a block: 'attention' (before it) and / or 'feed_forward' (before it).
        temporal_on_images: run temporal modules on single frames too (published weights) or not (paper, Table 2).
        norm: 'pre' (ViT, published weights) or 'post' (Eq. 1-3). activation: of the feed-forward. eps: of layer norms.
        pre_norm_embedding: the layer norm that CLIP has before its first block. patch_bias: of the patch convolution.
        layer_scale, drop_path: as in `Residual`; drop path grows linearly with depth.
    """

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        width: int = 768,
        layers: int = 12,
        heads: int = 12,
        hidden: int | None = None,
        temporal: dict | None = None,
        temporal_at: tuple[str, ...] = ('attention', 'feed_forward'),
        temporal_on_images: bool = True,
        norm: str = 'pre',
        activation: str = 'quick_gelu',
        eps: float = 1e-5,
        pre_norm_embedding: bool = True,
        patch_bias: bool = False,
        layer_scale: float | None = None,
        drop_path: float = 0.0,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f'image_size {image_size} is not a multiple of patch_size {patch_size}')
        unknown = set(temporal_at) - {'attention', 'feed_forward'}
        if unknown:
            raise ValueError(f"temporal_at takes 'attention' and 'feed_forward', not {sorted(unknown)}")
        self.width = width
        self.patch_size = patch_size
        self.temporal_on_images = temporal_on_images
        self.patch_embedding = nn.Conv2d(3, width, patch_size, patch_size, bias=patch_bias)
        self.class_embedding = nn.Parameter(torch.zeros(width))
        self.position_embedding = nn.Parameter(torch.zeros((image_size // patch_size) ** 2 + 1, width))
        self.norm_before = nn.LayerNorm(width, eps) if pre_norm_embedding else nn.Identity()

        def temporal_module(place: str) -> nn.Module | None:
            return MODELS.build(dict(temporal, width=width)) if temporal and place in temporal_at else None

        self.blocks = nn.ModuleList(
            VisionBlock(
                TransformerLayer(
                    width,
                    heads,
                    hidden or 4 * width,
                    norm=norm,
                    activation=activation,
                    eps=eps,
                    layer_scale=layer_scale,
                    drop_path=drop_path * depth / max(1, layers - 1),
                ),
                temporal_module('attention'),
                temporal_module('feed_forward'),
                width,
                norm,
                eps,
            )
            for depth in range(layers)
        )
        self.norm_after = nn.LayerNorm(width, eps)

    def init_weights(self) -> None:
        initialize_transformer(self)
        nn.init.normal_(self.class_embedding, std=0.02)
        nn.init.normal_(self.position_embedding, std=0.02)
        nn.init.normal_(self.patch_embedding.weight, std=(3 * self.patch_size**2) ** -0.5)
        if self.patch_embedding.bias is not None:
            nn.init.zeros_(self.patch_embedding.bias)
        for block in self.blocks:
            for temporal in (block.temporal_first, block.temporal_second):
                if hasattr(temporal, 'init_weights'):
                    temporal.init_weights()

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (B, T, 3, H, W). Returns (B, 1 + T*P, C): the class token, mean over frames, then patches frame-major.

        Raises:
            ValueError: H or W is not a multiple of the patch size.
        """
        count, (height, width) = frames.shape[1], frames.shape[-2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(f'frames of {height}x{width} pixels do not divide into patches of {self.patch_size}')
        x = self.patch_embedding(frames.flatten(0, 1))
        positions = resize_positions(self.position_embedding, (x.shape[-2], x.shape[-1]))
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + positions
        x = self.norm_before(x)
        with_temporal = count > 1 or self.temporal_on_images
        for block in self.blocks:
            x = block(x, count, with_temporal)
        x = x.unflatten(0, (-1, count))
        return self.norm_after(torch.cat([x[:, :, 0].mean(1, keepdim=True), x[:, :, 1:].flatten(1, 2)], 1))
