"""What X-CLIP has of its own: frames that exchange messages, and texts that read the clip.

Letters in shapes: B samples, T frames, P patches per frame, K texts, C channels, E channels of an embedding.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mplug2.modules.contracts import VisionTokens
from mplug2.modules.encoders.vision import DualVisionEncoder, VisionBlock
from mplug2.modules.layers import (
    CrossAttention,
    FeedForward,
    MemoryLayer,
    Residual,
    SelfAttention,
    TransformerLayer,
    initialize_transformer,
)
from mplug2.registry import MODELS

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize


class CrossFrameBlock(VisionBlock):
    """A ViT layer whose frames read a message each beside their own tokens (Eq. 5-7).

    A message is made of a frame's class token; the messages of a clip attend to each other before.

    Args:
        layer: the spatial layer. width, num_heads, eps: of the messages' attention.
    """

    def __init__(self, layer: TransformerLayer, width: int, num_heads: int, eps: float) -> None:
        super().__init__(layer, None, None, width, 'pre', eps)
        self.message = nn.Linear(width, width)
        self.message_attention = SelfAttention(width, num_heads)
        self.message_residual = Residual(width, 'pre', eps)

    def run(self, x: Tensor, frames: int, grid: tuple[int, int], with_temporal: bool) -> Tensor:
        """As `VisionBlock.run`."""
        messages = self.message(x[:, 0]).unflatten(0, (-1, frames))
        messages = self.message_residual(messages, self.message_attention)
        together = self.layer.attend_self(torch.cat([x, messages.flatten(0, 1)[:, None]], 1))
        return self.layer.feed(together[:, :-1])


@MODELS.register_module()
class CrossFrameEncoder(DualVisionEncoder):
    """CLIP's ViT with messages between the frames of a clip, which all have the same number.

    Args:
        image_size, patch_size, width, num_layers, num_heads, ffn_dim, activation, eps, position_resize: as in
            `DualVisionEncoder`. num_frames: T.
    """

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 32,
        width: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        num_frames: int = 8,
        activation: str = 'quick_gelu',
        eps: float = 1e-5,
        position_resize: str = 'bicubic',
    ) -> None:
        super().__init__(
            image_size,
            patch_size,
            width,
            num_layers,
            num_heads,
            ffn_dim,
            activation=activation,
            eps=eps,
            position_resize=position_resize,
        )
        self.blocks = nn.ModuleList(CrossFrameBlock(block.layer, width, num_heads, eps) for block in self.blocks)
        self.num_prefix_tokens = num_frames

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['num_frames'] = tiny.frames

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W). Returns (B, T + T*P, C): each frame's class token, normalised, then patches frame-major.

        Raises:
            ValueError: clips of another number of frames, or frames as in `DualVisionEncoder`.
        """
        count = frames.shape[1]
        if count != self.num_prefix_tokens:
            raise ValueError(f'clips of {count} frames, but the model is made for {self.num_prefix_tokens}: read as many')
        x, grid = self.embed(frames)
        for block in self.blocks:
            x = block(x, count, grid, True)
        x = x.unflatten(0, (-1, count))
        return VisionTokens(torch.cat([self.norm_after(x[:, :, 0]), x[:, :, 1:].flatten(1, 2)], 1), count, grid)


class PatchProjection(nn.Module):
    """Patches to what texts read of them.

    Args:
        width: C. projection_dim: E. eps: of the layer norm.
    """

    def __init__(self, width: int, projection_dim: int, eps: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(width, eps)
        self.linear = nn.Linear(width, projection_dim, bias=False)

    def init_weights(self) -> None:
        nn.init.normal_(self.linear.weight, std=self.linear.in_features**-0.5)

    def forward(self, patches: Tensor) -> Tensor:
        """(B, T, P, C) -> (B, P, E), the mean over frames."""
        return self.linear(self.norm(patches).mean(1))


class PromptAttention(CrossAttention):
    """Cross-attention whose query, key and value have no bias."""

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__(width, num_heads)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)


class PromptLayer(MemoryLayer):
    """Texts attend to patches; a feed-forward follows. Each text is alone."""

    def __init__(self, width: int, num_heads: int, activation: str, eps: float) -> None:
        super().__init__()
        self.cross_attention = PromptAttention(width, num_heads)
        self.cross_residual = Residual(width, 'pre', eps)
        self.feed_forward = FeedForward(width, 4 * width, activation)
        self.feed_forward_residual = Residual(width, 'pre', eps)

    def run(self, texts: Tensor, patches: Tensor) -> Tensor:
        return self.feed(self.attend_memory(texts, patches))


@MODELS.register_module()
class VideoPrompts(nn.Module):
    """What a clip adds to a text: the texts after some layers that read its patches, times a learned gain (Eq. 10-11).

    Args:
        width: E. num_layers, num_heads, activation: of the stack. gain: initial. eps: of the layer norms.
    """

    def __init__(
        self,
        width: int = 512,
        num_layers: int = 2,
        num_heads: int = 8,
        activation: str = 'quick_gelu',
        gain: float = 0.1,
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.width, self.initial = width, gain
        self.norm = nn.LayerNorm(width, eps)
        self.layers = nn.ModuleList(PromptLayer(width, num_heads, activation, eps) for _ in range(num_layers))
        self.gain = nn.Parameter(torch.full((width,), float(gain)))

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.constant_(self.gain, self.initial)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['width'] = 16  # that of a tiny embedding

    def forward(self, texts: Tensor, patches: Tensor) -> Tensor:
        """texts: (B, K, E), as they are projected. patches: (B, P, E). Returns the texts with their prompts, (B, K, E)."""
        patches, x = self.norm(patches), texts
        for layer in self.layers:
            x = layer(x, patches)
        return texts + self.gain * x
