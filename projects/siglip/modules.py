"""What SigLIP has of its own: a ViT without class token, pooling by attention, texts that are padded to one length.

Letters in shapes: B samples, T frames, P patches per frame, L tokens, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mplug2.modules.contracts import VisionTokens
from mplug2.modules.encoders.vision import resample_patches, resize_positions
from mplug2.modules.layers import CrossAttention, FeedForward, TransformerLayer, initialize_transformer
from mplug2.projects.clip import CausalTextEncoder
from mplug2.registry import MODELS
from mplug2.structures import Tokens

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize


@MODELS.register_module()
class PatchEncoder(nn.Module):
    """A pre-norm ViT over the patches of each frame alone: no token represents the frame.

    Args:
        image_size, patch_size: side of a frame and of a patch, in pixels; other frames resample the positions. width: C.
            num_layers, num_heads, ffn_dim, activation, eps: of the stack.
    """

    num_prefix_tokens = 0
    token_parameters = ('positions',)

    def __init__(
        self,
        image_size: int = 224,
        patch_size: int = 16,
        width: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        activation: str = 'gelu_tanh',
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.width, self.patch_size, self.image_size = width, patch_size, image_size
        self.patch_embedding = nn.Conv2d(3, width, patch_size, patch_size)
        self.positions = nn.Parameter(torch.zeros((image_size // patch_size) ** 2, width))
        self.blocks = nn.ModuleList(
            TransformerLayer(width, num_heads, ffn_dim, norm='pre', activation=activation, eps=eps) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width, eps)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.normal_(self.positions, std=self.width**-0.5)
        nn.init.normal_(self.patch_embedding.weight, std=(3 * self.patch_size**2) ** -0.5)
        nn.init.zeros_(self.patch_embedding.bias)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['width'] = 16  # that of a tiny embedding

    def layer_groups(self) -> list[list[nn.Module | nn.Parameter]]:
        return [[self.patch_embedding, self.positions], *([block] for block in self.blocks)]

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        own = self.state_dict()[name]
        if name == 'patch_embedding.weight' and tensor.shape[:2] == own.shape[:2]:
            return resample_patches(tensor, self.patch_size) if tensor.shape != own.shape else tensor
        if name == 'positions' and tensor.shape[1:] == own.shape[1:]:
            side = self.image_size // self.patch_size
            if round(len(tensor) ** 0.5) ** 2 == len(tensor):
                return resize_positions(tensor, (side, side), mode or 'bicubic', prefix=0)
        return tensor

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W). Returns (B, T * P, C), frame-major.

        Raises:
            ValueError: H or W is not a multiple of the patch size.
        """
        height, width = frames.shape[-2:]
        if height % self.patch_size or width % self.patch_size:
            raise ValueError(f'frames of {height}x{width} pixels do not divide into patches of {self.patch_size}')
        x = self.patch_embedding(frames.flatten(0, 1))
        grid = (x.shape[-2], x.shape[-1])
        x = x.flatten(2).transpose(1, 2) + resize_positions(self.positions, grid, 'bicubic', prefix=0)
        for block in self.blocks:
            x = block(x)
        return VisionTokens(self.norm(x).unflatten(0, frames.shape[:2]).flatten(1, 2), frames.shape[1], grid)


@MODELS.register_module()
class AttentionPooling(nn.Module):
    """A learned probe attends to the tokens; a feed-forward follows.

    Args:
        width: C. num_heads, ffn_dim, activation, eps: as in `PatchEncoder`.
    """

    token_parameters = ('probe',)

    def __init__(
        self,
        width: int = 768,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        activation: str = 'gelu_tanh',
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        self.width = width
        self.probe = nn.Parameter(torch.zeros(1, width))
        self.attention = CrossAttention(width, num_heads)
        self.norm = nn.LayerNorm(width, eps)
        self.feed_forward = FeedForward(width, ffn_dim, activation)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.normal_(self.probe, std=self.width**-0.5)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['width'] = 16  # that of a tiny embedding

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens: (B, N, C). Returns (B, C)."""
        x = self.attention(self.probe.expand(len(tokens), -1, -1), tokens)
        return (x + self.feed_forward(self.norm(x)))[:, 0]


@MODELS.register_module()
class PaddedTextEncoder(CausalTextEncoder):
    """A pre-norm transformer over texts that are padded to one length; padding is read as any other word.

    Args:
        vocab_size, max_positions: of the embedding; texts are padded to `max_positions`. pad_id: with this word. width,
            num_layers, num_heads, ffn_dim, activation, eps: of the stack.
    """

    def __init__(
        self,
        vocab_size: int = 32000,
        width: int = 768,
        num_layers: int = 12,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        max_positions: int = 64,
        pad_id: int = 1,
        activation: str = 'gelu_tanh',
        eps: float = 1e-6,
    ) -> None:
        super().__init__(vocab_size, width, num_layers, num_heads, ffn_dim, max_positions, activation, eps)
        self.pad_id = pad_id

    def forward(self, text: Tokens) -> Tensor:
        """Returns (B, `max_positions`, C): every token sees every other.

        Raises:
            ValueError: a text is longer.
        """
        missing = max(0, len(self.positions) - text.ids.shape[1])
        x = self.embed(F.pad(text.ids.masked_fill(~text.mask, self.pad_id), (0, missing), value=self.pad_id))
        for layer in self.layers:
            x = layer(x)
        return self.norm(x)
