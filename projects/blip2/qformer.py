"""The Q-Former, a projector between an image's tokens and a decoder. B samples, N tokens, k queries, C channels."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mplug2.modules.layers import TransformerLayer, initialize_transformer
from mplug2.registry import MODELS

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize


@MODELS.register_module()
class QFormer(nn.Module):
    """Learned queries through BERT's layers, of which every few also attend to the image, and a linear map.

    Args:
        in_width, width: C of what is read, and of the result; a network fills both in. hidden_dim: C of the queries.
        num_queries: k. num_layers, num_heads, ffn_dim: of the stack. cross_every: one layer in so many attends to the image,
            from the first on. dropout, eps: as in BERT.
    """

    token_parameters = ('queries',)

    def __init__(
        self,
        in_width: int,
        width: int,
        hidden_dim: int = 768,
        num_queries: int = 32,
        num_layers: int = 12,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        cross_every: int = 2,
        dropout: float = 0.1,
        eps: float = 1e-12,
    ) -> None:
        super().__init__()
        self.width = width
        self.queries = nn.Parameter(torch.zeros(num_queries, hidden_dim))
        self.norm = nn.LayerNorm(hidden_dim, eps)
        self.dropout = nn.Dropout(dropout)
        self.layers = nn.ModuleList(
            TransformerLayer(
                hidden_dim,
                num_heads,
                ffn_dim,
                number % cross_every == 0,
                eps=eps,
                dropout=dropout,
                attention_dropout=dropout,
                memory_width=in_width,
            )
            for number in range(num_layers)
        )
        self.projection = nn.Linear(hidden_dim, width)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg.update(hidden_dim=32, num_queries=4, num_layers=2, num_heads=2, ffn_dim=48)

    def init_weights(self) -> None:
        initialize_transformer(self, len(self.queries[0]))
        nn.init.normal_(self.queries, std=0.02)

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, N, in_width). Returns (B, k, width)."""
        queries = self.dropout(self.norm(self.queries)).to(x.dtype).expand(len(x), -1, -1)
        for layer in self.layers:
            queries = layer(queries, memory=None if layer.cross_attention is None else x)
        return self.projection(queries)
