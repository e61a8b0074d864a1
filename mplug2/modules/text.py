"""Text encoders. B samples, L tokens, C channels."""

from __future__ import annotations

from torch import Tensor, nn

from ..registry import MODELS
from ..structures import Tokens
from .layers import TextEmbedding, TransformerLayer, initialize_transformer, padding_mask


@MODELS.register_module()
class BertTextEncoder(nn.Module):
    """BERT up to the universal layers (Section 3.1): embedding and the layers that belong to text alone.

    Args:
        vocab_size, positions, types: of the embedding. width: C. heads, hidden: of a layer.
        layers: those of this module only; BERT-Base has 12, of which the last S = 2 are the universal layers.
        dropout: on embeddings, outputs and attention weights. eps: of layer norms.
    """

    def __init__(
        self,
        vocab_size: int = 30522,
        width: int = 768,
        layers: int = 10,
        heads: int = 12,
        hidden: int = 3072,
        positions: int = 512,
        types: int = 2,
        dropout: float = 0.1,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.width = width
        self.vocab_size = vocab_size
        self.embedding = TextEmbedding(vocab_size, width, positions, types, eps, dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(width, heads, hidden, eps=eps, dropout=dropout, attention_dropout=dropout) for _ in range(layers)
        )

    def init_weights(self) -> None:
        initialize_transformer(self)

    def forward(self, text: Tokens) -> Tensor:
        """Returns (B, L, C)."""
        x = self.embedding(text.ids, text.types)
        mask = padding_mask(text.mask)
        for layer in self.layers:
            x = layer(x, mask)
        return x
