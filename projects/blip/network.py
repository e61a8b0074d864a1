"""The wiring of BLIP. B samples, L tokens, N vision tokens, C channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from mplug2.modules.contracts import Memory
from mplug2.networks import Connection, FusedFeatures, Network, TextFeatures, VisionFeatures
from mplug2.registry import MODELS
from mplug2.structures import Tokens

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize


class BlipText(TextFeatures):
    """encoded, tokens: (B, L, C), embeddings from which the layers start alone, and with an image. mask: (B, L).

    The layers without an image run when the class token is asked for: matching and questions do without them.
    """

    layers: nn.Module

    @property
    def pooled(self) -> Tensor:
        """(B, C)."""
        x = self.encoded
        for layer in self.layers.layers:
            x = layer(x, self.mask[:, None, None, :])
        return x[:, 0]

    def select(self, rows: Tensor) -> BlipText:
        return self.with_layers(super().select(rows), self.layers)

    @classmethod
    def with_layers(cls, text: TextFeatures, layers: nn.Module) -> BlipText:
        text = cls(*text)
        text.layers = layers
        return text


@MODELS.register_module()
class BlipNetwork(Network):
    """A ViT; text layers of one set of weights, which with an image also attend to it; a decoder over either.

    Args:
        vision_encoder, decoder: modules, configs, or None. text_encoder: embeds texts, without layers of its own. fusion: the
            text layers. fusion_token: id that takes the place of a text's first token where it is fused, as BLIP was trained;
            None keeps it, as transformers does.
    """

    stages = {
        'vision': ('vision_encoder',),
        'text': ('text_encoder', 'fusion'),
        'fused': ('vision_fusion', 'fusion'),
        'decoder': ('vision_decoder', 'fused_decoder', 'decoder'),
    }
    optional = frozenset({'vision_fusion', 'vision_decoder', 'fused_decoder'})

    def __init__(
        self,
        vision_encoder: nn.Module | dict | None = None,
        text_encoder: nn.Module | dict | None = None,
        fusion: nn.Module | dict | None = None,
        decoder: nn.Module | dict | None = None,
        fusion_token: int | None = None,
        projectors: Mapping[str, dict] | None = None,
    ) -> None:
        super().__init__(projectors, vision_encoder=vision_encoder, text_encoder=text_encoder, fusion=fusion, decoder=decoder)
        self.fusion_token = fusion_token

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['fusion_token'] = None  # beyond a tiny vocabulary

    def width_of(self, stage: str) -> int:
        return (self.vision_encoder if stage == 'vision' else self.fusion).width

    def connections(self) -> Iterator[Connection]:
        for name, source, target in (
            ('vision_fusion', 'vision_encoder', 'fusion'),
            ('vision_decoder', 'vision_encoder', 'decoder'),
            ('fused_decoder', 'fusion', 'decoder'),
        ):
            if self.has(source) and self.has(target):
                width = self.width_of('vision' if source == 'vision_encoder' else 'fused')
                yield Connection(name, source, width, target, getattr(self, target).memory_width)

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        tokens = self.vision_encoder(frames).tokens
        return VisionFeatures(tokens, None, tokens, self.vision_encoder.num_prefix_tokens)

    def encode_text(self, text: Tokens) -> TextFeatures:
        alone = fused = self.text_encoder(text)
        if self.fusion_token is not None:
            first = torch.full_like(text.ids[:, :1], self.fusion_token)
            fused = self.text_encoder(text._replace(ids=torch.cat([first, text.ids[:, 1:]], 1)))
        return BlipText.with_layers(TextFeatures(alone, fused, text.mask), self.fusion)

    def fuse(self, text: TextFeatures, vision: VisionFeatures) -> FusedFeatures:
        memory = self.project('vision_fusion', vision.memory)
        return FusedFeatures(self.fusion(text.tokens, text.mask, memory), text.mask, vision.memory)

    def memory(self, stage: str, features: VisionFeatures | FusedFeatures) -> Memory:
        """Of 'vision' (B, N, C) for captions, or of 'fused' (B, L, C), the question that has read the image, for answers."""
        if stage == 'vision':
            return Memory(self.project('vision_decoder', features.memory))
        return Memory(self.project('fused_decoder', features.text), features.mask)
