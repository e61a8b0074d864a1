"""The dual-vision encoder: one ViT for images and videos, with temporal modules inside its blocks.

Letters in shapes: B samples, T frames, P patches per frame, C channels.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ...registry import MODELS
from ..contracts import VisionTokens
from ..layers import Block, Residual, SelfAttention, TransformerLayer, initialize_transformer


def resize_positions(positions: Tensor, grid: tuple[int, int], mode: str = 'bilinear', prefix: int = 1) -> Tensor:
    """Resample the position table of a square grid to another grid; the rows of prefix tokens are kept.

    Args:
        positions: (prefix + G*G, C), the rows of class and register tokens first. grid: rows and columns wanted.

    Returns:
        (prefix + rows * columns, C).
    """
    rows, columns = grid
    side = round((positions.shape[0] - prefix) ** 0.5)
    if (side, side) == (rows, columns):
        return positions
    table = positions[prefix:].unflatten(0, (side, side)).permute(2, 0, 1)[None]
    table = F.interpolate(table.float(), (rows, columns), mode=mode, align_corners=False).to(positions.dtype)
    return torch.cat([positions[:prefix], table[0].flatten(1).T])


@torch.no_grad()
def resample_patches(kernel: Tensor, size: int) -> Tensor:
    """Change the patch size of a patch embedding so that resized images give the same tokens, as nearly as can be.

    The pseudo-inverse of bilinear resizing (FlexiViT, Beyer et al. 2023).

    Args:
        kernel: (C, 3, p, p). size: the patch size wanted.

    Returns:
        (C, 3, size, size).
    """
    old = kernel.shape[-1]
    basis = torch.eye(old * old, dtype=torch.float64).view(old * old, 1, old, old)
    resize = F.interpolate(basis, (size, size), mode='bilinear', align_corners=False, antialias=size < old)
    # Rows: old pixels; columns: new ones. A patch x becomes x @ resize; want kernel' with (x @ resize) . kernel' = x . kernel.
    inverse = torch.linalg.pinv(resize.flatten(1))
    flat = kernel.double().flatten(2) @ inverse.T
    return flat.unflatten(2, (size, size)).to(kernel.dtype)


def windowed_attention(attention: SelfAttention, x: Tensor, grid: tuple[int, int], window: int) -> Tensor:
    """Self-attention within square windows of a frame's patches, for high-resolution detection (ViTDet).

    Windows at the right and lower edge are filled up with places that nothing attends to. Every window sees the class
    token, and the class token's output is the mean over windows; a window that covers the grid is global attention.

    Args:
        x: (B, 1 + P, C), P = rows * columns of `grid`, the class token first. window: side, in patches.

    Returns:
        (B, 1 + P, C).
    """
    rows, columns = grid
    height, width = min(window, rows), min(window, columns)
    down, right = -rows % height, -columns % width
    tall, wide = (rows + down) // height, (columns + right) // width

    def split(y: Tensor) -> Tensor:
        """(B, rows, columns, C) -> (B, windows, height * width, C)."""
        y = F.pad(y, (0, 0, 0, right, 0, down))
        return y.unflatten(2, (wide, width)).unflatten(1, (tall, height)).transpose(2, 3).flatten(3, 4).flatten(1, 2)

    patches = split(x[:, 1:].unflatten(1, grid))
    batch, windows = patches.shape[:2]
    x = torch.cat([x[:, None, :1].expand(-1, windows, -1, -1), patches], 2).flatten(0, 1)
    mask = None
    if down or right:
        real = split(x.new_ones(1, rows, columns, 1))[0, :, :, 0].bool()
        real = torch.cat([real.new_ones(windows, 1), real], 1)
        mask = real.repeat(batch, 1)[:, None, None, :]
    x = attention(x, mask).unflatten(0, (batch, windows))
    patches = x[:, :, 1:].unflatten(1, (tall, wide)).unflatten(3, (height, width)).transpose(2, 3)
    patches = patches.flatten(3, 4).flatten(1, 2)[:, :rows, :columns]
    return torch.cat([x[:, :, 0].mean(1, keepdim=True), patches.flatten(1, 2)], 1)


class VisionBlock(Block):
    """A ViT layer within each frame, with temporal residuals before its attention and / or before its feed-forward.

    Args:
        layer: the spatial layer. temporal_before_attention, temporal_before_ffn: modules for the two places, or None.
        norm, eps, width: of the temporal residuals. window: side of the attention's windows in patches, None is global.
    """

    def __init__(
        self,
        layer: TransformerLayer,
        temporal_before_attention: nn.Module | None,
        temporal_before_ffn: nn.Module | None,
        width: int,
        norm: str,
        eps: float,
        window: int | None = None,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.window = window
        self.temporal_before_attention = temporal_before_attention
        self.temporal_before_ffn = temporal_before_ffn
        self.residual_before_attention = None if temporal_before_attention is None else Residual(width, norm, eps)
        self.residual_before_ffn = None if temporal_before_ffn is None else Residual(width, norm, eps)

    def run(self, x: Tensor, frames: int, grid: tuple[int, int], with_temporal: bool) -> Tensor:
        """x: (B*T, 1 + P, C), frames: T, grid: rows and columns of the P patches.

        Returns the same shape; the class token never enters a temporal module.
        """
        layer, window = self.layer, self.window
        if with_temporal and self.temporal_before_attention is not None:
            x = apply_temporal(x, frames, self.temporal_before_attention, self.residual_before_attention)
        if window is None or window >= max(grid):
            x = layer.attend_self(x)
        else:
            x = layer.self_residual(x, lambda y: windowed_attention(layer.self_attention, y, grid, window))
        if with_temporal and self.temporal_before_ffn is not None:
            x = apply_temporal(x, frames, self.temporal_before_ffn, self.residual_before_ffn)
        return layer.feed(x)


def apply_temporal(x: Tensor, frames: int, temporal: nn.Module, residual: Residual) -> Tensor:
    """Apply a temporal residual to the patches of (B*T, 1 + P, C)."""
    patches = x[:, 1:].unflatten(0, (-1, frames))
    return torch.cat([x[:, :1], residual(patches, temporal).flatten(0, 1)], 1)


@MODELS.register_module()
class DualVisionEncoder(nn.Module):
    """ViT over frames with local temporal modelling (Section 3.1, Eq. 1-5). An image is a video of one frame.

    Args:
        image_size: side of the square that the position table is made for; other sizes resample it.
        patch_size: side of a patch. width: C. num_layers, num_heads: of the ViT. ffn_dim: of its feed-forward, 4 C if None.
        temporal: config of a temporal module (its ``width`` is filled in), or None.
        temporal_at: places in a block: 'attention' (before it) and / or 'feed_forward' (before it).
        temporal_on_images: run temporal modules on single frames too (published weights) or not (paper, Table 2).
        norm: 'pre' (ViT, published weights) or 'post' (Eq. 1-3). activation: of the feed-forward. eps: of layer norms.
        pre_norm_embedding: the layer norm that CLIP has before its first block. patch_bias: of the patch convolution.
        norm_output: a layer norm after the last block; CoCa has it behind its pooling.
        position_resize: 'bilinear' or 'bicubic' (DINOv2), how positions are resampled for other grids.
        layer_scale, drop_path: as in `Residual`; drop path grows linearly with depth.
        window: side in patches of the attention's windows, None is global. global_blocks: numbers of the blocks whose
            attention is global all the same.
        frozen_stages: -1 trains everything, 0 keeps the embedding as it is, n also the first n blocks.
    """

    num_prefix_tokens = 1  # the class token
    token_parameters = ('class_embedding', 'position_embedding')

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        width: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        ffn_dim: int | None = None,
        temporal: dict | None = None,
        temporal_at: tuple[str, ...] = ('attention', 'feed_forward'),
        temporal_on_images: bool = True,
        norm: str = 'pre',
        activation: str = 'quick_gelu',
        eps: float = 1e-5,
        pre_norm_embedding: bool = True,
        patch_bias: bool = False,
        norm_output: bool = True,
        position_resize: str = 'bilinear',
        layer_scale: float | None = None,
        drop_path: float = 0.0,
        window: int | None = None,
        global_blocks: tuple[int, ...] = (),
        frozen_stages: int = -1,
    ) -> None:
        super().__init__()
        if image_size % patch_size:
            raise ValueError(f'image_size {image_size} is not a multiple of patch_size {patch_size}')
        unknown = set(temporal_at) - {'attention', 'feed_forward'}
        if unknown:
            raise ValueError(f"temporal_at takes 'attention' and 'feed_forward', not {sorted(unknown)}")
        if not -1 <= frozen_stages <= num_layers:
            raise ValueError(f'frozen_stages {frozen_stages} must be between -1 and the number of layers, {num_layers}')
        outside = sorted(set(global_blocks) - set(range(num_layers)))
        if outside:
            raise ValueError(f'global_blocks names blocks {outside}, but the encoder has blocks 0 to {num_layers - 1}')
        self.width = width
        self.patch_size = patch_size
        self.position_resize = position_resize
        self.temporal_on_images = temporal_on_images
        self.norm = norm
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
                    num_heads,
                    ffn_dim or 4 * width,
                    norm=norm,
                    activation=activation,
                    eps=eps,
                    layer_scale=layer_scale,
                    drop_path=drop_path * depth / max(1, num_layers - 1),
                ),
                temporal_module('attention'),
                temporal_module('feed_forward'),
                width,
                norm,
                eps,
                None if depth in global_blocks else window,
            )
            for depth in range(num_layers)
        )
        self.norm_after = nn.LayerNorm(width, eps) if norm_output else nn.Identity()
        self.frozen_stages = frozen_stages
        for part in self._frozen():
            part.requires_grad_(False)

    def layer_groups(self) -> list[list[nn.Module | nn.Parameter]]:
        """The embedding, then each block."""
        stem = [self.patch_embedding, self.class_embedding, self.position_embedding, self.norm_before]
        return [stem, *([block] for block in self.blocks)]

    def _frozen(self) -> list[nn.Module | nn.Parameter]:
        return [part for group in self.layer_groups()[: self.frozen_stages + 1] for part in group]

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        """Positions on this encoder's grid and the patch kernel in its patch size; anything else as it is.

        Args:
            name: key in this encoder's state dict. mode: for positions, `position_resize` if None.
        """
        kernel = self.patch_embedding.weight
        if name == 'patch_embedding.weight' and tensor.ndim == 4 and tensor.shape[:2] == kernel.shape[:2]:
            return tensor if tensor.shape == kernel.shape else resample_patches(tensor, self.patch_size)
        if name == 'position_embedding' and tensor.ndim == 2 and tensor.shape[1] == self.width:
            side = round((len(tensor) - 1) ** 0.5)
            if side**2 + 1 == len(tensor):
                grid = self.image_size // self.patch_size
                return resize_positions(tensor, (grid, grid), mode or self.position_resize)
        return tensor

    def train(self, mode: bool = True) -> DualVisionEncoder:
        """Frozen blocks stay in evaluation mode, without drop path."""
        super().train(mode)
        for part in self._frozen():
            if isinstance(part, nn.Module):
                part.eval()
        return self

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        for embedding in (self.class_embedding, self.position_embedding):
            nn.init.normal_(embedding, std=self.width**-0.5)  # as CLIP
        nn.init.normal_(self.patch_embedding.weight, std=(3 * self.patch_size**2) ** -0.5)
        if self.patch_embedding.bias is not None:
            nn.init.zeros_(self.patch_embedding.bias)
        for block in self.blocks:
            for temporal in (block.temporal_before_attention, block.temporal_before_ffn):
                if hasattr(temporal, 'init_weights'):
                    temporal.init_weights()

    @property
    def image_size(self) -> int:
        """Side of the frames that the positions are made for, in pixels; others are resampled to."""
        return round((len(self.position_embedding) - 1) ** 0.5) * self.patch_size

    def embed(self, frames: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """frames: (B, T, 3, H, W). Returns what goes into the first block, (B*T, 1 + P, C), and the grid of the P patches.

        Raises:
            ValueError: H or W is not a multiple of the patch size.
        """
        height, width = frames.shape[-2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(f'frames of {height}x{width} pixels do not divide into patches of {self.patch_size}')
        x = self.patch_embedding(frames.flatten(0, 1))
        grid = (x.shape[-2], x.shape[-1])
        positions = resize_positions(self.position_embedding, grid, self.position_resize)
        x = x.flatten(2).transpose(1, 2)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, -1), x], 1) + positions
        return self.norm_before(x), grid

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W). Returns (B, 1 + T*P, C): the class token, mean over frames, then patches frame-major.

        Raises:
            ValueError: H or W is not a multiple of the patch size.
        """
        count = frames.shape[1]
        x, grid = self.embed(frames)
        with_temporal = count > 1 or self.temporal_on_images
        for block in self.blocks:
            x = block(x, count, grid, with_temporal)
        x = x.unflatten(0, (-1, count))
        x = self.norm_after(torch.cat([x[:, :, 0].mean(1, keepdim=True), x[:, :, 1:].flatten(1, 2)], 1))
        return VisionTokens(x, count, grid)
