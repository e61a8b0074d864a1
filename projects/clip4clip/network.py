"""The wiring of CLIP4Clip. B samples, T frames, E channels of an embedding."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mplug2.modules.layers import TransformerLayer, initialize_transformer
from mplug2.projects.clip import ClipNetwork
from mplug2.registry import MODELS

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize


@MODELS.register_module()
class FrameTransformer(nn.Module):
    """Frames attend to each other, with positions, and what comes out is added to what went in.

    Args:
        width: E. num_layers, num_heads, ffn_dim, activation, eps: of the stack. max_positions: frames.
    """

    token_parameters = ('positions',)

    def __init__(
        self,
        width: int = 512,
        num_layers: int = 4,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        max_positions: int = 77,
        activation: str = 'quick_gelu',
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.width = width
        self.positions = nn.Parameter(torch.zeros(max_positions, width))
        self.layers = nn.ModuleList(
            TransformerLayer(width, num_heads, ffn_dim, norm='pre', activation=activation, eps=eps) for _ in range(num_layers)
        )

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.normal_(self.positions, std=0.02)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['width'] = 16  # that of a tiny embedding

    def forward(self, frames: Tensor) -> Tensor:
        """frames: (B, T, E). Returns the same shape."""
        x = frames + self.positions[: frames.shape[1]]
        for layer in self.layers:
            x = layer(x)
        return frames + x


@MODELS.register_module()
class Clip4ClipNetwork(ClipNetwork):
    """CLIP's wiring whose frames' embeddings, each of length one, are averaged (``meanP``), after a transformer over them where
    there is one (``seqTransf``).

    Args:
        vision_encoder, text_encoder, projection_dim: as of `ClipNetwork`. temporal: module over the frames, config, or None.
    """

    stages = {
        'vision': ('vision_encoder', 'vision_projection', 'temporal'),
        'text': ('text_encoder', 'text_projection'),
    }
    optional = frozenset({'temporal'})

    def __init__(
        self,
        vision_encoder: nn.Module | dict,
        text_encoder: nn.Module | dict,
        projection_dim: int = 512,
        temporal: nn.Module | dict | None = None,
    ) -> None:
        super().__init__(vision_encoder, text_encoder, projection_dim)
        self.temporal = MODELS.build(temporal) if isinstance(temporal, dict) else temporal

    def join(self, embeddings: Tensor) -> Tensor:
        if self.temporal is not None:
            embeddings = self.temporal(embeddings)
        return F.normalize(embeddings.float(), dim=-1).mean(1)
