"""The wiring of CoCa. B samples, T frames, L tokens, k queries, C channels, E channels of an embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mplug2.modules.contracts import Memory
from mplug2.networks import FusedFeatures, Network, TextFeatures, VisionFeatures
from mplug2.projects.clip import Projection
from mplug2.registry import MODELS
from mplug2.structures import Tokens

from .modules import SplitDecoder


@MODELS.register_module()
class CocaNetwork(Network):
    """An image encoder whose tokens are pooled by queries, the first of them for the contrast, the others for captions; and a
    decoder whose first half embeds texts.

    Of a clip the queries attend to the tokens of all frames, each encoded as an image (VideoCoCa, Yan et al. 2022).

    Args:
        vision_encoder, vision_pooling, text_encoder, multimodal: modules or configs. projection_dim: E, the pooling's width.
    """

    stages = {
        'vision': ('vision_encoder', 'vision_pooling', 'vision_projection'),
        'text': ('text_encoder', 'text_projection'),
        'decoder': ('text_encoder', 'multimodal'),
    }
    vocabularies = {'text': 'text_encoder', 'decoder': 'text_encoder'}

    def __init__(
        self,
        vision_encoder: nn.Module | dict,
        vision_pooling: dict,
        text_encoder: nn.Module | dict,
        multimodal: nn.Module | dict | None = None,
        projection_dim: int = 512,
    ) -> None:
        super().__init__(vision_encoder=vision_encoder, text_encoder=text_encoder, multimodal=multimodal)
        self.projection_dim = projection_dim
        self.vision_pooling = MODELS.build({**vision_pooling, 'vision_width': self.vision_encoder.width})
        if self.vision_pooling.width != projection_dim:
            raise ValueError(
                f'CocaNetwork: vision_pooling gives {self.vision_pooling.width} channels, and the embedding has '
                f'{projection_dim} (projection_dim): make them equal'
            )
        self.vision_projection = Projection(projection_dim, projection_dim)
        self.text_projection = Projection(self.text_encoder.width, projection_dim)

    @property
    def decoder(self) -> SplitDecoder:
        """The two halves as one."""
        return SplitDecoder(self.text_encoder, self.multimodal)

    def width_of(self, stage: str) -> int:
        return self.projection_dim

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        tokens = self.vision_encoder(frames.flatten(0, 1)[:, None]).tokens
        tokens = tokens.unflatten(0, frames.shape[:2]).flatten(1, 2)
        queries = self.vision_pooling(tokens)
        embedding = self.vision_projection(queries[:, :1])
        return VisionFeatures(tokens, None, torch.cat([embedding, queries[:, 1:]], 1))

    def encode_text(self, text: Tokens) -> TextFeatures:
        encoded = self.text_encoder(text)
        return TextFeatures(encoded[:, :-1], self.text_projection(encoded[:, -1:]), text.mask[:, :1])

    def memory(self, stage: str, features: VisionFeatures | TextFeatures | FusedFeatures) -> Memory:
        """Of 'vision' the queries for captions (B, k - 1, C).

        Raises:
            ValueError: another stage.
        """
        if stage != 'vision':
            raise ValueError(f"CoCa decodes 'vision' alone, not {stage!r}: give the task condition='vision'")
        return Memory(features.memory[:, 1:])
