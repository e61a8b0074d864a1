"""The wiring of ALBEF. B samples, L tokens, C channels."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from mplug2.modules.contracts import Memory
from mplug2.networks import FusedFeatures, MPlug2Network, TextFeatures, VisionFeatures
from mplug2.registry import MODELS


@MODELS.register_module()
class AlbefNetwork(MPlug2Network):
    """A ViT; BERT, whose first layers encode the text and whose last fuse it with the image; a decoder for answers.

    It is mPLUG-2's wiring without universal layers, but for what answers are decoded from: the fused question alone.

    Args:
        vision_encoder, text_encoder, fusion, decoder: modules, configs, or None. projectors: as in `Network`.
    """

    def __init__(
        self,
        vision_encoder: nn.Module | dict | None = None,
        text_encoder: nn.Module | dict | None = None,
        fusion: nn.Module | dict | None = None,
        decoder: nn.Module | dict | None = None,
        projectors: Mapping[str, dict] | None = None,
    ) -> None:
        super().__init__(vision_encoder, text_encoder, None, fusion, decoder, projectors)

    def memory(self, stage: str, features: VisionFeatures | TextFeatures | FusedFeatures) -> Memory:
        """Of 'vision' and 'text' as in mPLUG-2, of 'fused' the fused text (B, L, C)."""
        if stage != 'fused':
            return super().memory(stage, features)
        return Memory(self.project('fused_decoder', features.text), features.mask)
