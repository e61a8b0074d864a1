"""Features on demand: what a task asks for is computed, once, and nothing else.

Letters in shapes: B samples, T frames, N vision tokens, L text tokens, k queries, C channels.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor

from ..modules.contracts import Memory, pooled
from ..structures import Batch

if TYPE_CHECKING:
    from .base import Network


class VisionFeatures(NamedTuple):
    """tokens: (B, N, C) after the vision encoder, its prefix tokens first, then patches frame-major.

    queries: (B, k, C), the universal queries; None where the network has no universal layers.
    memory: (B, N, C): what fusion and decoder attend to. num_prefix_tokens: how many come before the patches.
    """

    tokens: Tensor
    queries: Tensor | None
    memory: Tensor
    num_prefix_tokens: int = 1

    @property
    def pooled(self) -> Tensor:
        """(B, C): what classification and contrastive learning read, the first of the memory's prefix tokens, or its mean."""
        return pooled(self.memory, self.num_prefix_tokens)

    def select(self, rows: Tensor) -> VisionFeatures:
        """Reorder or repeat samples (hard negatives, many captions of one clip)."""
        return self.map(lambda part: part.index_select(0, rows))

    def map(self, change: Callable[[Tensor], Tensor]) -> VisionFeatures:
        """The same change to each tensor."""
        queries = None if self.queries is None else change(self.queries)
        return self._replace(tokens=change(self.tokens), queries=queries, memory=change(self.memory))


class TextFeatures(NamedTuple):
    """encoded: (B, L, C) after the text encoder. tokens: (B, L, C) after the universal layers. mask: (B, L)."""

    encoded: Tensor
    tokens: Tensor
    mask: Tensor

    @property
    def pooled(self) -> Tensor:
        """(B, C): the class token after the universal layers, what classification and contrastive learning read."""
        return self.tokens[:, 0]

    def select(self, rows: Tensor) -> TextFeatures:
        """Reorder or repeat samples."""
        return TextFeatures(*(part.index_select(0, rows) for part in self))


class FusedFeatures(NamedTuple):
    """text: (B, L, C) after the fusion layers. mask: (B, L). vision: (B, N, C), text-aware in the paper's form."""

    text: Tensor
    mask: Tensor
    vision: Tensor

    @property
    def pooled(self) -> Tensor:
        """(B, C): the fused class token, what matching reads."""
        return self.text[:, 0]


class Features:
    """The features of one batch under one set of modules, each computed at its first use and kept for the forward.

    Pre-training makes one `Features` for the network and one for its momentum encoder; further inputs (masked text) are
    added to the batch under names of their own.

    Args:
        network: the bag of modules. batch: the inputs.
    """

    def __init__(self, network: Network, batch: Batch) -> None:
        self.network = network
        self.batch = batch
        self._vision: dict[str, VisionFeatures] = {}
        self._text: dict[str, TextFeatures] = {}
        self._fused: dict[tuple[str, str], FusedFeatures] = {}

    def _input(self, name: str) -> Any:
        return self.batch[name]

    def vision(self, name: str = 'frames') -> VisionFeatures:
        """Features of the frames of that name.

        Raises:
            KeyError: the batch has no such input.
        """
        if name not in self._vision:
            self._vision[name] = self.network.encode_vision(self._input(name))
        return self._vision[name]

    def text(self, name: str = 'text') -> TextFeatures:
        """Features of the tokens of that name.

        Raises:
            KeyError: the batch has no such input.
        """
        if name not in self._text:
            self._text[name] = self.network.encode_text(self._input(name))
        return self._text[name]

    def fused(self, text: str = 'text', vision: str = 'frames') -> FusedFeatures:
        """Text and vision of those names, sample by sample, fused. Re-paired features go to `Network.fuse` directly."""
        key = (text, vision)
        if key not in self._fused:
            self._fused[key] = self.network.fuse(self.text(text), self.vision(vision))
        return self._fused[key]

    def memory(self, stage: str = 'fused', text: str = 'text', vision: str = 'frames') -> Memory:
        """What the decoder attends to.

        Args:
            stage: 'vision', 'text' or 'fused'. text, vision: names of the inputs.
        """
        if stage == 'vision':
            return self.network.memory(stage, self.vision(vision))
        if stage == 'text':
            return self.network.memory(stage, self.text(text))
        return self.network.memory(stage, self.fused(text, vision))
