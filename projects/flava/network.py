"""The wiring of FLAVA. B samples, N vision tokens, L text tokens, C channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mplug2.modules.layers import TransformerLayer, initialize_transformer, padding_mask
from mplug2.networks import FusedFeatures, Network, TextFeatures, VisionFeatures
from mplug2.registry import MODELS
from mplug2.structures import Tokens


@MODELS.register_module()
class JointEncoder(nn.Module):
    """A pre-norm transformer over a class token, vision tokens and text tokens, each projected to its width.

    Args:
        width: C. num_layers, num_heads, ffn_dim, eps: of the stack. vision_width, text_width: of what comes in, C if None.
    """

    token_parameters = ('class_token',)

    def __init__(
        self,
        width: int = 768,
        num_layers: int = 6,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        eps: float = 1e-12,
        vision_width: int | None = None,
        text_width: int | None = None,
    ) -> None:
        super().__init__()
        self.width = width
        self.class_token = nn.Parameter(torch.zeros(width))
        self.vision_projection = nn.Linear(vision_width or width, width)
        self.text_projection = nn.Linear(text_width or width, width)
        self.layers = nn.ModuleList(TransformerLayer(width, num_heads, ffn_dim, norm='pre', eps=eps) for _ in range(num_layers))
        self.norm = nn.LayerNorm(width, eps)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)

    def forward(self, vision: Tensor, text: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """vision: (B, N, C_vision). text: (B, L, C_text). mask: (B, L). Returns [class token; vision] (B, 1 + N, C) and text
        (B, L, C)."""
        start = self.class_token.expand(len(vision), 1, -1)
        x = torch.cat([start, self.vision_projection(vision), self.text_projection(text)], 1)
        seen = torch.cat([mask.new_ones(len(mask), 1 + vision.shape[1]), mask], 1)
        for layer in self.layers:
            x = layer(x, padding_mask(seen))
        return self.norm(x).split([1 + vision.shape[1], text.shape[1]], 1)


class JointFeatures(FusedFeatures):
    """vision: (B, 1 + N, C), the joint class token first."""

    @property
    def pooled(self) -> Tensor:
        """(B, C): the joint class token."""
        return self.vision[:, 0]


@MODELS.register_module()
class FlavaNetwork(Network):
    """Two pre-norm encoders, and a joint one over their tokens, which it takes before their last layer norms.

    What contrast and classifiers read are the class tokens after those norms.

    Args:
        vision_encoder, text_encoder: modules or configs, without a last layer norm. fusion: `JointEncoder`, its config, or
            None. eps: of the last layer norms.
    """

    stages = {
        'vision': ('vision_encoder', 'vision_norm'),
        'text': ('text_encoder', 'text_norm'),
        'fused': ('fusion',),
    }
    reads_across = True

    def __init__(
        self,
        vision_encoder: nn.Module | dict | None = None,
        text_encoder: nn.Module | dict | None = None,
        fusion: nn.Module | dict | None = None,
        eps: float = 1e-12,
    ) -> None:
        super().__init__(vision_encoder=vision_encoder, text_encoder=text_encoder, fusion=fusion)
        self.vision_norm = None if self.vision_encoder is None else nn.LayerNorm(self.vision_encoder.width, eps)
        self.text_norm = None if self.text_encoder is None else nn.LayerNorm(self.text_encoder.width, eps)

    def width_of(self, stage: str) -> int:
        return {'vision': self.vision_encoder, 'text': self.text_encoder, 'fused': self.fusion}[stage].width

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        tokens = self.vision_encoder(frames).tokens
        return VisionFeatures(tokens, None, self.vision_norm(tokens), self.vision_encoder.num_prefix_tokens)

    def encode_text(self, text: Tokens) -> TextFeatures:
        tokens = self.text_encoder(text)
        return TextFeatures(tokens, self.text_norm(tokens), text.mask)

    def fuse(self, text: TextFeatures, vision: VisionFeatures) -> FusedFeatures:
        joint, words = self.fusion(vision.tokens, text.encoded, text.mask)
        return JointFeatures(words, text.mask, joint)
