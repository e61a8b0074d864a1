"""Fusion num_layers: text attends to vision, as in ALBEF (Section 3.1). B samples, L tokens, N vision tokens, C channels."""

from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS
from .layers import TransformerLayer, initialize_transformer, padding_mask


@MODELS.register_module()
class FusionLayers(nn.Module):
    """Post-norm layers of text self-attention, cross-attention to the vision memory and feed-forward.

    Args:
        width: C. num_layers: 3 for Base, 6 for Large. num_heads, ffn_dim: of a layer. dropout, eps: as in BERT.
        memory_width: channels of the vision, C if None.
    """

    def __init__(
        self,
        width: int = 768,
        num_layers: int = 3,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        dropout: float = 0.1,
        eps: float = 1e-12,
        memory_width: int | None = None,
    ) -> None:
        super().__init__()
        self.width, self.memory_width = width, memory_width or width
        self.layers = nn.ModuleList(
            TransformerLayer(
                width, num_heads, ffn_dim, True, eps=eps, dropout=dropout, attention_dropout=dropout, memory_width=memory_width
            )
            for _ in range(num_layers)
        )

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)

    def forward(self, text: Tensor, mask: Tensor, vision: Tensor) -> Tensor:
        """text: (B, L, C), mask: (B, L), vision: (B, N, C). Returns fused text (B, L, C)."""
        attention_mask = padding_mask(mask)
        for layer in self.layers:
            text = layer(text, attention_mask, vision)
        return text
