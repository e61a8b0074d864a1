"""Heads on top of features: words and contrastive embeddings. B samples, L tokens, C channels, V vocabulary."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..registry import MODELS
from .layers import activation_function, full_precision, initialize_transformer

if TYPE_CHECKING:
    from .packing import PackedWeight


@MODELS.register_module()
class LanguageHead(nn.Module):
    """BERT's prediction head: dense, GELU, layer norm, then the word table and a bias.

    It serves the decoder and masked-language modelling (Section 3.2), where the table is that of the text encoder.

    Args:
        width: C. vocab_size: V. eps: of the layer norm. activation: of the dense layer.
    """

    def __init__(self, width: int, vocab_size: int, eps: float = 1e-12, activation: str = 'gelu') -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.norm = nn.LayerNorm(width, eps)
        self.bias = nn.Parameter(torch.zeros(vocab_size))
        self.activation = activation_function(activation)
        self.packed: PackedWeight | None = None

    def init_weights(self) -> None:
        initialize_transformer(self, self.dense.in_features)
        nn.init.zeros_(self.bias)

    def forward(self, x: Tensor, word_table: Tensor) -> Tensor:
        """x: (..., C), word_table: (V, C), tied to the embedding. Returns logits (..., V), fp32 under autocast too."""
        x = self.norm(self.activation(self.dense(x)))
        with full_precision(x):
            x = x.float()
            logits = None if self.packed is None else self.packed.product(x, word_table, self.bias)
            return F.linear(x, word_table.float(), self.bias.float()) if logits is None else logits


@MODELS.register_module()
class ContrastiveHead(nn.Module):
    """Projections of vision and text to one sphere, and the learned temperature of their similarity.

    Args:
        width: C. projection_dim: channels on the sphere. temperature: initial. low, high: the temperature's bounds.
            text_width: C of text, if it is not that of vision.
    """

    def __init__(
        self,
        width: int,
        projection_dim: int = 256,
        temperature: float = 0.07,
        low: float = 0.001,
        high: float = 0.5,
        text_width: int | None = None,
    ) -> None:
        super().__init__()
        self.projection_dim = projection_dim
        self.vision_projection = nn.Linear(width, projection_dim)
        self.text_projection = nn.Linear(text_width or width, projection_dim)
        self.temperature = nn.Parameter(torch.tensor(float(temperature)))
        self.initial = temperature
        self.bounds = (low, high)

    def init_weights(self) -> None:
        initialize_transformer(self, self.vision_projection.in_features)
        nn.init.constant_(self.temperature, self.initial)

    def vision(self, x: Tensor) -> Tensor:
        """x: (..., C), class tokens. Returns unit vectors (..., E), fp32."""
        return F.normalize(self.vision_projection(x).float(), dim=-1)

    def text(self, x: Tensor) -> Tensor:
        """x: (..., C), class tokens. Returns unit vectors (..., E), fp32."""
        return F.normalize(self.text_projection(x).float(), dim=-1)

    @torch.no_grad()
    def keep_in_bounds(self) -> None:
        """Bring the temperature back to its bounds, beyond which it has no gradient that could. Called before a step."""
        self.temperature.data.clamp_(*self.bounds)

    def logits(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Cosine over temperature: rows (B, E), columns (M, E) -> (B, M), fp32 under autocast too."""
        with full_precision(rows):
            return rows.float() @ columns.float().T / self.temperature.clamp(*self.bounds)
