"""A small ConvNet (of ConvNeXt's blocks, Liu et al. 2022) as a vision encoder: tokens are the places of its last map.

Letters in shapes: B samples, T frames, C channels, h and w places of a map.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from mplug2.modules import Block, VisionTokens
from mplug2.modules.layers import FeedForward, Residual
from mplug2.registry import MODELS


class ConvBlock(Block):
    """A depth-wise convolution of 5 x 5 and a feed-forward of each place. width: C."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(width, width, 5, padding=2, groups=width)
        self.feed_forward = FeedForward(width, 2 * width)
        self.residual = Residual(width, 'pre', 1e-6)

    def run(self, x: Tensor) -> Tensor:
        """x: (B*T, h, w, C). Returns the same shape."""
        return self.residual(x, lambda y: self.feed_forward(self.convolution(y.movedim(-1, 1)).movedim(1, -1)))


@MODELS.register_module()
class SmallConvNet(nn.Module):
    """Stages of one block each, after convolutions that halve the map; frames do not see each other.

    Args:
        widths: channels of the stages; the last is the encoder's. stem: stride of the first convolution. image_size: side that
            it is made for, in pixels.
    """

    num_prefix_tokens = 0  # the mean of the tokens represents the clip

    def __init__(self, widths: Sequence[int] = (32, 64), stem: int = 4, image_size: int = 40) -> None:
        super().__init__()
        self.width, self.image_size = widths[-1], image_size
        self.patch_size = stem * 2 ** (len(widths) - 1)
        strides = (stem, *[2] * (len(widths) - 1))
        self.downs = nn.ModuleList(
            nn.Conv2d(before, after, stride, stride)
            for before, after, stride in zip((3, *widths[:-1]), widths, strides, strict=True)
        )
        self.blocks = nn.ModuleList(ConvBlock(width) for width in widths)
        self.norm = nn.LayerNorm(self.width)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny) -> None:
        cfg.update(widths=(16, 32), stem=4, image_size=tiny.pixels)

    def layer_groups(self) -> list[list[nn.Module]]:
        (stem, *downs), (first, *blocks) = self.downs, self.blocks
        return [[stem], [first], *([down, block] for down, block in zip(downs, blocks, strict=True))]

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        return tensor  # convolutions fit every size

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W). Returns (B, T*h*w, C), frame-major."""
        x = frames.flatten(0, 1)
        for down, block in zip(self.downs, self.blocks, strict=True):
            x = block(down(x).movedim(1, -1)).movedim(-1, 1)
        grid = (x.shape[-2], x.shape[-1])
        tokens = x.flatten(2).transpose(1, 2).unflatten(0, frames.shape[:2]).flatten(1, 2)
        return VisionTokens(self.norm(tokens), frames.shape[1], grid)
