"""Universal num_layers: the pivot that text and vision share (Section 3.1, Eq. 6-10).

Letters in shapes: B samples, L text tokens, N vision tokens, k queries, C channels.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..registry import MODELS
from .layers import CrossAttention, Residual, TransformerLayer, initialize_transformer, padding_mask

FORMS = ('release', 'paper')


@MODELS.register_module()
class UniversalLayers(nn.Module):
    """S layers whose self-attention and feed-forward serve text and vision; cross-attention serves vision alone.

    Vision enters as k learned queries that attend to the vision tokens. Two forms are named:

    - release (``form='release'``): the last layer swaps roles, so that the vision tokens run through
      it and attend to the queries; the memory is LN(tokens + that).
    - paper (``form='paper'``): every layer runs the queries (Eq. 6, 8, 9); one cross-attention
      then lets the encoders' own tokens attend to what the layers made of both, which gives text-aware vision and
      vision-aware text (`combine`). Where no text is at hand, vision attends to its queries alone.

    What the uni-modal rows of Table 2 read: for vision the memory, whose first token represents the image or clip; for text
    the output of `text`.

    Args:
        width: C. num_layers: S. num_heads, ffn_dim: of a layer. num_queries: k. vision_width: channels of the vision encoder;
            if it is not C the tokens are projected. dropout, eps: as in BERT. shared: False is the ablation of Table 17 and
            Figure 4: the layers serve text alone, vision has no queries, and its memory is its own tokens; the two forms are
            then one.
        pool_first: the queries attend to the vision tokens once before the first layer, so that what enters it is "a fixed
            number k of visual tokens" made of V^N (Section 3.1); otherwise the learned queries themselves enter.
    """

    def __init__(
        self,
        width: int = 768,
        num_layers: int = 2,
        num_heads: int = 12,
        ffn_dim: int = 3072,
        num_queries: int = 50,
        form: str = 'release',
        vision_width: int | None = None,
        dropout: float = 0.1,
        eps: float = 1e-12,
        shared: bool = True,
        pool_first: bool = False,
    ) -> None:
        super().__init__()
        if form not in FORMS:
            raise ValueError(f'form is one of {", ".join(map(repr, FORMS))}, not {form!r}')
        if form == 'release' and num_layers < 2:
            raise ValueError(f"form='release' needs at least 2 layers, not {num_layers}: the last of them swaps roles")
        self.width = width
        self.vision_width = width if vision_width is None else vision_width
        self.shared = shared
        self.swap_last = form == 'release' or not shared  # without queries there is nothing that fusion could merge
        self.layers = nn.ModuleList(
            TransformerLayer(width, num_heads, ffn_dim, cross=shared, eps=eps, dropout=dropout, attention_dropout=dropout)
            for _ in range(num_layers)
        )
        self.projection = None
        if vision_width is not None and vision_width != width:
            self.projection = nn.Sequential(nn.Linear(vision_width, width), nn.LayerNorm(width, eps), nn.Dropout(dropout))
        if not shared:
            return
        self.queries = nn.Parameter(torch.zeros(num_queries, width))
        self.token_parameters = ('queries',)
        self.pool_attention = self.pool_residual = None
        if pool_first:
            self.pool_attention = CrossAttention(width, num_heads, dropout)
            self.pool_residual = Residual(width, 'post', eps, dropout)
        if self.swap_last:
            self.merge_norm = nn.LayerNorm(width, eps)
            self.merge_dropout = nn.Dropout(dropout)
        else:
            self.merge_attention = CrossAttention(width, num_heads, dropout)
            self.merge_residual = Residual(width, 'post', eps, dropout)

    def init_weights(self) -> None:
        initialize_transformer(self, self.width)
        if self.shared:
            nn.init.normal_(self.queries)

    def text(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        """x: (B, L, C); mask: (B, L), True at real tokens. Returns (B, L, C) (Eq. 7, 10)."""
        attention_mask = padding_mask(mask)
        for layer in self.layers:
            x = layer(x, attention_mask)
        return x

    def project(self, vision: Tensor) -> Tensor:
        """Vision tokens (B, N, C_vision) -> (B, N, C)."""
        return vision if self.projection is None else self.projection(vision)

    def vision(self, tokens: Tensor) -> tuple[Tensor | None, Tensor]:
        """tokens: (B, N, C). Returns the queries (B, k, C), None if nothing is shared, and the memory (B, N, C)."""
        if not self.shared:
            return None, tokens
        queries = self.queries.expand(tokens.shape[0], -1, -1).to(tokens.dtype)
        if self.pool_attention is not None:
            queries = self.pool_residual(queries, lambda y: self.pool_attention(y, tokens))
        for layer in self.layers[:-1] if self.swap_last else self.layers:
            queries = layer(queries, memory=tokens)
        if self.swap_last:
            return queries, self.merge_dropout(self.merge_norm(tokens + self.layers[-1](tokens, memory=queries)))
        return queries, self._merge(tokens, queries)

    def _merge(self, x: Tensor, shared: Tensor, mask: Tensor | None = None) -> Tensor:
        return self.merge_residual(x, lambda y: self.merge_attention(y, shared, mask))

    def combine(
        self,
        tokens: Tensor,
        queries: Tensor,
        encoded_text: Tensor,
        text: Tensor,
        mask: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """The paper's last step: the encoders' outputs attend to [queries; text] of the universal layers.

        Args:
            tokens: (B, N, C). num_queries: (B, k, C). encoded_text: (B, L, C) of the text encoder. text: (B, L, C) of the
                universal layers. mask: (B, L).

        Returns:
            Text-aware vision (B, N, C) and vision-aware text (B, L, C).
        """
        shared = torch.cat([queries, text], 1)
        shared_mask = padding_mask(torch.cat([mask.new_ones(queries.shape[:2]), mask], 1))
        return self._merge(tokens, shared, shared_mask), self._merge(encoded_text, shared, shared_mask)
