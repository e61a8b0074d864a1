"""Heads that read text after the universal layers. B samples, L tokens, C channels, K classes."""

from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS
from .layers import initialize_transformer


@MODELS.register_module()
class PooledClassifier(nn.Module):
    """BERT's classifier of texts: dense, tanh, dropout, then a linear layer, on the class token.

    Args:
        width: C. num_classes: K. dropout: before the linear layer.
    """

    def __init__(self, width: int, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.dense = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(width, num_classes)

    def init_weights(self) -> None:
        initialize_transformer(self, self.dense.in_features)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, C), class tokens. Returns logits (B, K), fp32."""
        return self.classifier(self.dropout(self.dense(x).tanh())).float()


@MODELS.register_module()
class SpanHead(nn.Module):
    """BERT's reader of extracts: for each token, how likely the answer starts and ends there.

    Args:
        width: C.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.ends = nn.Linear(width, 2)

    def init_weights(self) -> None:
        initialize_transformer(self, self.ends.in_features)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """x: (B, L, C). Returns logits of start and end, each (B, L), fp32."""
        start, end = self.ends(x).float().unbind(-1)
        return start, end
