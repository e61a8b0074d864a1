"""Features on demand: what a task asks for is computed, once, and nothing else.

Letters in shapes: B samples, T frames, P patches per frame, L text tokens, k queries, C channels.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from torch import Tensor, nn

from ..modules.decoder import Memory
from ..structures import Batch, Tokens


class VisionFeatures(NamedTuple):
    """tokens: (B, 1 + T*P, C) after the vision encoder, frame-mean class token first, then patches frame-major.

    num_queries: (B, k, C), the universal queries; None where the network has no universal layers.
    memory: (B, 1 + T*P, C) after the universal num_layers: what fusion and decoder attend to.
    """

    tokens: Tensor
    queries: Tensor | None
    memory: Tensor

    @property
    def pooled(self) -> Tensor:
        """(B, C): the class token after the universal layers, what classification and contrastive learning read."""
        return self.memory[:, 0]

    def as_memory(self) -> Memory:
        return Memory(self.memory)

    def select(self, rows: Tensor) -> VisionFeatures:
        """Reorder or repeat samples (hard negatives, many captions of one clip)."""
        return VisionFeatures(*(None if part is None else part.index_select(0, rows) for part in self))


class TextFeatures(NamedTuple):
    """encoded: (B, L, C) after the text encoder. tokens: (B, L, C) after the universal layers. mask: (B, L)."""

    encoded: Tensor
    tokens: Tensor
    mask: Tensor

    @property
    def pooled(self) -> Tensor:
        """(B, C): the class token after the universal layers, what classification and contrastive learning read."""
        return self.tokens[:, 0]

    def as_memory(self) -> Memory:
        return Memory(self.tokens, self.mask)

    def select(self, rows: Tensor) -> TextFeatures:
        """Reorder or repeat samples."""
        return TextFeatures(*(part.index_select(0, rows) for part in self))


class FusedFeatures(NamedTuple):
    """text: (B, L, C) after the fusion layers. mask: (B, L). vision: (B, 1 + T*P, C), text-aware in the paper's form."""

    text: Tensor
    mask: Tensor
    vision: Tensor

    @property
    def pooled(self) -> Tensor:
        """(B, C): the fused class token, what matching reads."""
        return self.text[:, 0]


class Network(nn.Module):
    """The bag of modules. Those that no task names are None.

    Args:
        vision_encoder, text_encoder, universal, fusion, decoder: modules or None.

    Raises:
        ValueError: modules whose outputs meet differ in width.
    """

    def __init__(
        self,
        vision_encoder: nn.Module | None = None,
        text_encoder: nn.Module | None = None,
        universal: nn.Module | None = None,
        fusion: nn.Module | None = None,
        decoder: nn.Module | None = None,
    ) -> None:
        super().__init__()
        for name, module in {
            'vision_encoder': vision_encoder,
            'text_encoder': text_encoder,
            'universal': universal,
            'fusion': fusion,
            'decoder': decoder,
        }.items():
            self.register_module(name, module)  # None too: a place that is empty
        widths = {name: module.width for name, module in self.named_children() if hasattr(module, 'width')}
        if universal is not None:
            widths.pop('vision_encoder', None)  # universal layers project it
        if len(set(widths.values())) > 1:
            told = ', '.join(f'{name} {width}' for name, width in widths.items())
            raise ValueError(f'the modules of a network must have one width, but they have: {told}')

    def subset(self, names: Iterable[str]) -> Network:
        """A network of only those modules, shared with this one (for a momentum encoder)."""
        return Network(**{name: getattr(self, name) for name in names})

    @property
    def width(self) -> int:
        """C of what tasks see: that of the universal layers, else of the encoder that is there."""
        for module in (self.universal, self.text_encoder, self.vision_encoder):
            if module is not None:
                return module.width
        raise ValueError('the network has no encoder')

    @property
    def reads_across(self) -> bool:
        """Whether fusion first lets vision read the text and the text vision, as in the paper's form.

        Otherwise fusion needs no more than `VisionFeatures.memory` and `TextFeatures.tokens`.
        """
        return self.universal is not None and not self.universal.swap_last

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        """frames: (B, T, 3, H, W), normalised."""
        tokens = self.vision_encoder(frames)
        if self.universal is None:
            return VisionFeatures(tokens, None, tokens)
        tokens = self.universal.project(tokens)
        return VisionFeatures(tokens, *self.universal.vision(tokens))

    def encode_text(self, text: Tokens) -> TextFeatures:
        encoded = self.text_encoder(text)
        tokens = encoded if self.universal is None else self.universal.text(encoded, text.mask)
        return TextFeatures(encoded, tokens, text.mask)

    def fuse(self, text: TextFeatures, vision: VisionFeatures) -> FusedFeatures:
        tokens, memory = text.tokens, vision.memory
        if self.reads_across:
            memory, tokens = self.universal.combine(vision.tokens, vision.queries, text.encoded, text.tokens, text.mask)
        return FusedFeatures(self.fusion(tokens, text.mask, memory), text.mask, memory)


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

    def _input(self, name: str) -> Tensor | Tokens:
        value = self.batch.extra.get(name)
        if value is None:
            value = getattr(self.batch, name, None)
        if value is None:
            raise KeyError(
                f'the task asks for {name!r}, which the batch lacks: add the transform that makes it to the pipeline'
            )
        return value

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
