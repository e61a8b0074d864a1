"""The Perceiver resampler, a projector from vision to a decoder. B samples, N tokens, k latents, C channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mplug2.modules.layers import Block, attention, initialize_transformer, merge_heads, split_heads
from mplug2.registry import MODELS

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize


class ResamplerBlock(Block):
    """Latents attend to the tokens and to themselves; a feed-forward follows. No linear map has a bias.

    Args:
        width: C. num_heads, head_dim: of the attention, whose inner width is their product. normalise: query and key of a head.
    """

    def __init__(self, width: int, num_heads: int, head_dim: int, normalise: bool) -> None:
        super().__init__()
        self.num_heads = num_heads
        inner = num_heads * head_dim
        self.context_norm, self.latent_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query = nn.Linear(width, inner, bias=False)
        self.key_value = nn.Linear(width, 2 * inner, bias=False)
        self.query_norm = nn.LayerNorm(head_dim) if normalise else nn.Identity()
        self.key_norm = nn.LayerNorm(head_dim) if normalise else nn.Identity()
        self.out = nn.Linear(inner, width, bias=False)
        self.feed_norm = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width, bias=False)
        self.down = nn.Linear(4 * width, width, bias=False)

    def run(self, latents: Tensor, tokens: Tensor) -> Tensor:
        """latents: (B, k, C). tokens: (B, N, C). Returns the latents."""
        x = self.latent_norm(latents)
        everything = torch.cat([self.context_norm(tokens), x], 1)
        query = self.query_norm(split_heads(self.query(x), self.num_heads))
        key, value = (split_heads(part, self.num_heads) for part in self.key_value(everything).chunk(2, -1))
        latents = latents + self.out(merge_heads(attention(query, self.key_norm(key), value)))
        return latents + self.down(self.up(self.feed_norm(latents)).relu())


@MODELS.register_module()
class PerceiverResampler(nn.Module):
    """Learned latents that read the tokens of an image, or of all frames of a clip, and take their place.

    Args:
        in_width, width: C of what is read and of the result, which are equal; a network fills both in. num_latents: k.
            num_layers: blocks. num_heads, head_dim: of their attention. normalise: query and key of each head.

    Raises:
        ValueError: the two widths differ.
    """

    token_parameters = ('latents',)

    def __init__(
        self,
        in_width: int,
        width: int,
        num_latents: int = 64,
        num_layers: int = 6,
        num_heads: int = 16,
        head_dim: int = 96,
        normalise: bool = True,
    ) -> None:
        super().__init__()
        if in_width != width:
            raise ValueError(
                f'PerceiverResampler keeps the width, but vision has {in_width} channels and the decoder reads {width}: set '
                f'its memory_width to {in_width}'
            )
        self.width = width
        self.latents = nn.Parameter(torch.zeros(num_latents, width))
        self.blocks = nn.ModuleList(ResamplerBlock(width, num_heads, head_dim, normalise) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.normal_(self.latents)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.update(num_latents=4, head_dim=16)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, N, C). Returns (B, k, C)."""
        latents = self.latents.to(x.dtype).expand(len(x), -1, -1)
        for block in self.blocks:
            latents = block(latents, x)
        return self.norm(latents)
