"""The simple feature pyramid: levels of several strides from the one map of a plain ViT (Li et al. 2022, ViTDet)."""

from __future__ import annotations

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn

from ..registry import MODELS


@MODELS.register_module()
class ChannelNorm(nn.LayerNorm):
    """Layer norm over the channels of each place of a map (B, C, H, W), as ViTDet has in pyramid and heads (a ``norm_cfg``)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def _resampling(width: int, scale: float) -> tuple[list[nn.Module], int]:
    """Layers that change a map's sides by a factor, a power of two, and the channels after them."""
    layers: list[nn.Module] = []
    if scale not in (0.25, 0.5, 1, 2, 4):
        raise ValueError(f'a level of the pyramid is 1/4 to 4 times the map, a power of two, not {scale}')
    while scale > 1:
        if layers:
            layers += [ChannelNorm(width), nn.GELU()]
        layers.append(nn.ConvTranspose2d(width, width // 2, 2, stride=2))
        width, scale = width // 2, scale / 2
    while scale < 1:
        layers.append(nn.MaxPool2d(2, 2))
        scale *= 2
    return layers, width


@MODELS.register_module()
class SimpleFeaturePyramid(BaseModule):
    """Deconvolutions and pooling on the last map, then a 1x1 and a 3x3 convolution each; no lateral connections.

    Args:
        width: C of the map. out_channels: of every level. scales: a level's sides relative to the map's, the finest first.
        num_outs: levels in all; further ones keep every second place of the last.
    """

    def __init__(
        self,
        width: int,
        out_channels: int = 256,
        scales: Sequence[float] = (4, 2, 1, 0.5),
        num_outs: int = 5,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        if num_outs < len(scales):
            raise ValueError(f'num_outs {num_outs} is less than the {len(scales)} scales')
        self.extra = num_outs - len(scales)
        self.levels = nn.ModuleList()
        for scale in scales:
            layers, channels = _resampling(width, scale)
            self.levels.append(
                nn.Sequential(
                    *layers,
                    nn.Conv2d(channels, out_channels, 1, bias=False),
                    ChannelNorm(out_channels),
                    nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
                    ChannelNorm(out_channels),
                )
            )

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """inputs: maps (B, C, H, W), of which the last is taken. Returns the levels (B, out_channels, ., .), finest first."""
        levels = [level(inputs[-1]) for level in self.levels]
        for _ in range(self.extra):
            levels.append(levels[-1][:, :, ::2, ::2])
        # Compiled mmcv's RoIAlign on the CPU takes every map for a contiguous one, and the norm leaves channels last.
        return tuple(level.contiguous() for level in levels)
