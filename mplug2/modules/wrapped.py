"""Models of other packages: their configs, and their layers as blocks, with room for a temporal module before each.

Letters in shapes: B samples, T frames, P patches per frame, C channels.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from ..registry import MODELS
from .layers import Block, Residual, initialize_transformer

if TYPE_CHECKING:
    from transformers import PretrainedConfig


class WrappedLayer(Block):
    """A layer that takes tokens first, as transformers' and timm's do. Its other arguments and its result are its own.

    Args:
        layer: the layer. temporal: config of a temporal module whose residual comes before it, or None. width: C. eps: of the
            residual's layer norm. num_prefix_tokens: tokens before the patches, which no temporal module sees.
        whole_clips: rows are clips, their patches frame-major, and not frames.

    `num_frames` is set before each forward pass: T of its clips, or 0 to leave temporal modules out.
    """

    def __init__(
        self,
        layer: nn.Module,
        temporal: dict | None = None,
        width: int = 0,
        eps: float = 1e-6,
        num_prefix_tokens: int = 0,
        whole_clips: bool = False,
    ) -> None:
        super().__init__()
        self.layer = layer
        self.temporal = None if temporal is None else MODELS.build(dict(temporal, width=width))
        self.residual = None if temporal is None else Residual(width, 'pre', eps)
        self.num_prefix_tokens, self.whole_clips = num_prefix_tokens, whole_clips
        self.num_frames = 0

    def __getattr__(self, name: str) -> Any:
        """What the surrounding model asks of its layer, such as the kind of its attention."""
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(super().__getattr__('layer'), name)

    def init_weights(self) -> None:
        """Of the temporal module, which ends in zeros: the encoder stays what it was. The layer keeps its weights."""
        if self.temporal is not None:
            initialize_transformer(self.temporal, self.residual.norm.normalized_shape[0])
            self.temporal.init_weights()

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Any:
        # The number of frames goes along as an argument: a recomputation in the backward pass comes after other forwards.
        return super().forward(x, self.num_frames, *args, **kwargs)

    def run(self, x: Tensor, num_frames: int, *args: Any, **kwargs: Any) -> Any:
        """x: (B*T, prefix + P, C), or (B, prefix + T*P, C) of whole clips."""
        if self.temporal is not None and num_frames:
            first = self.num_prefix_tokens
            patches = x[:, first:]
            split = patches.unflatten(1, (num_frames, -1)) if self.whole_clips else patches.unflatten(0, (-1, num_frames))
            x = torch.cat([x[:, :first], self.residual(split, self.temporal).reshape(patches.shape)], 1)
        return self.layer(x, *args, **kwargs)


def source_and_config(model: dict | str, wrapper: str, example: str) -> tuple[str | None, PretrainedConfig]:
    """Where the weights of a model of transformers come from, None if nowhere, and its config.

    Args:
        model: a config as a dict with its ``model_type``, or a local folder or hub name.
        wrapper: name of the class that asks, for messages. example: a model type that it takes.

    Raises:
        ImportError: transformers is not installed. ValueError: a dict without ``model_type``.
    """
    try:
        from transformers import AutoConfig
    except ImportError as error:
        raise ImportError(f'{wrapper} needs the package transformers: pip install transformers') from error
    if isinstance(model, str):
        return model, AutoConfig.from_pretrained(model)
    if 'model_type' not in model:
        raise ValueError(f"{wrapper}: the config needs a 'model_type', such as {example!r}")
    return None, AutoConfig.for_model(**model)
