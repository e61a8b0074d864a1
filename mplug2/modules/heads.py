"""Heads on top of features: words and contrastive embeddings. B samples, L tokens, C channels, V vocabulary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

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
        if self.packed is not None:
            logits = self.packed.words(x, word_table, self.bias)
            if logits is not None:
                return logits
        with full_precision(x):
            return F.linear(x.float(), word_table.float(), self.bias.float())


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
            return self.scale(rows.float() @ columns.float().T)

    def scale(self, cosines: Tensor) -> Tensor:
        """Cosines -> logits, of the same shape."""
        return cosines / self.temperature.clamp(*self.bounds)


@MODELS.register_module()
class LogitScaleHead(nn.Module):
    """Cosine times a learned scale, plus a learned bias where one is given: the head of networks that project by themselves
    (CLIP, SigLIP, CoCa). The scale is learned as its logarithm.

    Args:
        projection_dim: E, channels of the embeddings. temperature: initial, the inverse of the scale. bias: initial; None for
            no bias. largest: bound of the scale while training (CLIP), None for none. project: the head projects (FLAVA).
            width, text_width: what the network gives, E if the head does not project.

    Raises:
        ValueError: the network gives other widths.
    """

    def __init__(
        self,
        projection_dim: int,
        width: int,
        text_width: int,
        temperature: float = 0.07,
        bias: float | None = None,
        largest: float | None = 100.0,
        project: bool = False,
    ) -> None:
        super().__init__()
        if not project and {width, text_width} != {projection_dim}:
            raise ValueError(
                f'LogitScaleHead compares embeddings of {projection_dim} channels (projection_dim), but the network gives '
                f'{width} of vision and {text_width} of text'
            )
        self.projection_dim, self.largest = projection_dim, largest
        self.vision_projection = nn.Linear(width, projection_dim) if project else nn.Identity()
        self.text_projection = nn.Linear(text_width, projection_dim) if project else nn.Identity()
        self.initial = (-math.log(temperature), bias)
        self.logit_scale = nn.Parameter(torch.tensor(self.initial[0]))
        self.logit_bias = None if bias is None else nn.Parameter(torch.tensor(float(bias)))

    def init_weights(self) -> None:
        initialize_transformer(self, getattr(self.vision_projection, 'in_features', self.projection_dim))
        for parameter, initial in zip((self.logit_scale, self.logit_bias), self.initial, strict=True):
            if parameter is not None:
                nn.init.constant_(parameter, initial)

    @property
    def temperature(self) -> Tensor:
        """Inverse of the scale, a scalar."""
        return (-self.logit_scale).exp()

    def vision(self, x: Tensor) -> Tensor:
        """x: (..., C). Returns unit vectors (..., E), fp32."""
        return F.normalize(self.vision_projection(x).float(), dim=-1)

    def text(self, x: Tensor) -> Tensor:
        """x: (..., C). Returns unit vectors (..., E), fp32."""
        return F.normalize(self.text_projection(x).float(), dim=-1)

    @torch.no_grad()
    def keep_in_bounds(self) -> None:
        """Called before a step, as `ContrastiveHead.keep_in_bounds`."""
        if self.largest is not None:
            self.logit_scale.data.clamp_(0.0, math.log(self.largest))

    def logits(self, rows: Tensor, columns: Tensor) -> Tensor:
        """Rows (B, E), columns (M, E), unit vectors -> (B, M), fp32 under autocast too."""
        with full_precision(rows):
            return self.scale(rows.float() @ columns.float().T)

    def scale(self, cosines: Tensor) -> Tensor:
        """Cosines -> logits, of the same shape."""
        logits = cosines * self.logit_scale.float().exp()
        return logits if self.logit_bias is None else logits + self.logit_bias.float()


def build_head(cfg: Mapping | None, network: Any, projection_dim: int, temperature: float) -> ContrastiveHead | LogitScaleHead:
    """The head that a task puts on a network's vision and text.

    Args:
        cfg: config of the head, `ContrastiveHead` if None. network: with ``width_of``. projection_dim, temperature: filled in.
    """
    widths = dict(width=network.width_of('vision'), text_width=network.width_of('text'))
    defaults = dict(**widths, projection_dim=projection_dim, temperature=temperature)
    return MODELS.build({**defaults, **(cfg or dict(type=ContrastiveHead))})
