"""The wiring of mPLUG-2 (Figure 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from ..modules.contracts import Decoder, Memory, TextEncoder, VisionEncoder, check_vision_tokens
from ..registry import MODELS
from ..structures import Tokens
from .base import Connection, Network
from .features import FusedFeatures, TextFeatures, VisionFeatures


@MODELS.register_module()
class MPlug2Network(Network):
    """Encoders, universal layers that both share, fusion layers in which text attends to vision, and a decoder.

    Without universal layers the encoders' own tokens take their place everywhere.

    Args:
        vision_encoder, text_encoder, universal, fusion, decoder: modules, configs, or None. projectors: as in `Network`.
    """

    stages = {
        'vision': ('vision_encoder', 'vision_universal', 'universal'),
        'text': ('text_encoder', 'text_universal', 'universal'),
        'fused': ('vision_fusion', 'text_fusion', 'fusion'),
        'decoder': ('vision_decoder', 'text_decoder', 'fused_decoder', 'decoder'),
    }
    optional = frozenset(
        {
            'universal',
            *('vision_universal', 'text_universal', 'vision_fusion', 'text_fusion'),
            *('vision_decoder', 'text_decoder', 'fused_decoder'),
        }
    )

    contracts = {'vision_encoder': VisionEncoder, 'text_encoder': TextEncoder, 'decoder': Decoder}

    def __init__(
        self,
        vision_encoder: nn.Module | dict | None = None,
        text_encoder: nn.Module | dict | None = None,
        universal: nn.Module | dict | None = None,
        fusion: nn.Module | dict | None = None,
        decoder: nn.Module | dict | None = None,
        projectors: Mapping[str, dict] | None = None,
    ) -> None:
        super().__init__(
            projectors,
            vision_encoder=vision_encoder,
            text_encoder=text_encoder,
            universal=universal,
            fusion=fusion,
            decoder=decoder,
        )

    def _source(self, stage: str) -> str:
        """Name of the module that the features of a stage come out of."""
        encoder = {'vision': 'vision_encoder', 'text': 'text_encoder', 'fused': 'fusion'}[stage]
        return 'universal' if stage != 'fused' and self.universal is not None else encoder

    def width_of(self, stage: str) -> int:
        source = self._source(stage)
        if not self.has(source):
            raise ValueError(f'the network has no {source}, so no {stage} features')
        return getattr(self, source).width

    def connections(self) -> Iterator[Connection]:
        if self.universal is not None:
            for stage, width in (('vision', self.universal.vision_width), ('text', self.universal.width)):
                encoder = f'{stage}_encoder'
                if self.has(encoder):
                    yield Connection(f'{stage}_universal', encoder, getattr(self, encoder).width, 'universal', width)
        for target, stages in (('fusion', ('vision', 'text')), ('decoder', ('vision', 'text', 'fused'))):
            for stage in stages:
                source = self._source(stage)
                if self.has(target) and self.has(source):
                    module = getattr(self, target)
                    attended = stage == 'vision' or target == 'decoder'
                    wanted = getattr(module, 'memory_width', module.width) if attended else module.width
                    yield Connection(f'{stage}_{target}', source, self.width_of(stage), target, wanted)

    @property
    def reads_across(self) -> bool:
        """Whether fusion first lets vision read the text and the text vision, as in the paper's form."""
        return self.universal is not None and not self.universal.swap_last

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        encoded, prefix = self.vision_encoder(frames), self.vision_encoder.num_prefix_tokens
        check_vision_tokens(self.vision_encoder, encoded, frames)
        tokens = self.project('vision_universal', encoded.tokens)
        if self.universal is None:
            return VisionFeatures(tokens, None, tokens, prefix)
        tokens = self.universal.project(tokens)
        return VisionFeatures(tokens, *self.universal.vision(tokens), prefix)

    def encode_text(self, text: Tokens) -> TextFeatures:
        encoded = self.project('text_universal', self.text_encoder(text))
        tokens = encoded if self.universal is None else self.universal.text(encoded, text.mask)
        return TextFeatures(encoded, tokens, text.mask)

    def fuse(self, text: TextFeatures, vision: VisionFeatures) -> FusedFeatures:
        tokens, memory = text.tokens, vision.memory
        if self.reads_across:
            memory, tokens = self.universal.combine(vision.tokens, vision.queries, text.encoded, text.tokens, text.mask)
        fused = self.fusion(self.project('text_fusion', tokens), text.mask, self.project('vision_fusion', memory))
        return FusedFeatures(fused, text.mask, memory)

    def memory(self, stage: str, features: VisionFeatures | TextFeatures | FusedFeatures) -> Memory:
        """Of 'vision' (B, N, C), of 'text' (B, L, C), or of 'fused' [vision; fused text] (B, N + L, C)."""
        if stage == 'vision':
            return Memory(self.project('vision_decoder', features.memory))
        if stage == 'text':
            return Memory(self.project('text_decoder', features.tokens), features.mask)
        vision = self.project('vision_decoder', features.vision)
        seen = features.mask.new_ones(vision.shape[:2])
        text = self.project('fused_decoder', features.text)
        return Memory(torch.cat([vision, text], 1), torch.cat([seen, features.mask], 1))
