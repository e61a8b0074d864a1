"""CLIP's text encoder. B samples, L tokens, C channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mplug2.modules.layers import TransformerLayer, initialize_transformer
from mplug2.registry import MODELS
from mplug2.structures import Tokens


@MODELS.register_module()
class CausalTextEncoder(nn.Module):
    """A pre-norm transformer whose tokens see those before them, so that the end token represents the text.

    Args:
        vocab_size, max_positions: of the embedding. width: C. num_layers, num_heads, ffn_dim: of the stack. activation, eps: of
            the feed-forward and the layer norms.
    """

    token_parameters = ('positions',)

    def __init__(
        self,
        vocab_size: int = 49408,
        width: int = 512,
        num_layers: int = 12,
        num_heads: int = 8,
        ffn_dim: int = 2048,
        max_positions: int = 77,
        activation: str = 'quick_gelu',
        eps: float = 1e-5,
    ) -> None:
        super().__init__()
        self.width = width
        self.vocab_size = vocab_size
        self.word = nn.Embedding(vocab_size, width)
        self.positions = nn.Parameter(torch.zeros(max_positions, width))
        self.layers = nn.ModuleList(
            TransformerLayer(width, num_heads, ffn_dim, norm='pre', activation=activation, eps=eps) for _ in range(num_layers)
        )
        self.norm = nn.LayerNorm(width, eps)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        nn.init.normal_(self.positions, std=0.01)

    @property
    def word_table(self) -> Tensor:
        """(V, C)."""
        return self.word.weight

    def embed(self, ids: Tensor, start: int = 0) -> Tensor:
        """ids: (B, L), the first of them at position `start`. Returns (B, L, C).

        Raises:
            ValueError: the text is longer than the position table.
        """
        end = start + ids.shape[1]
        if end > len(self.positions):
            raise ValueError(
                f'text of {end} tokens, but the model has {len(self.positions)} positions: '
                'lower the maximum length of the tokenizing transform'
            )
        return self.word(ids) + self.positions[start:end]

    def forward(self, text: Tokens) -> Tensor:
        """Returns (B, L, C). Padding is on the right, where no real token sees it."""
        x = self.embed(text.ids)
        for layer in self.layers:
            x = layer(x, causal=True)
        return self.norm(x)


def at_end(tokens: Tensor, mask: Tensor) -> Tensor:
    """The last real token of each text: tokens (B, L, C), mask (B, L) -> (B, C)."""
    return tokens[torch.arange(len(tokens), device=tokens.device), mask.sum(1) - 1]
