"""The wiring of GIT. B samples, T frames, P patches per frame, C channels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn

from mplug2.modules.contracts import Memory
from mplug2.networks import Connection, Network, VisionFeatures
from mplug2.registry import MODELS


@MODELS.register_module()
class FrameEmbedding(nn.Module):
    """What is added to all tokens of the first, second, ... frame of a clip.

    Args:
        num_frames: at most. width: C.
    """

    token_parameters = ('table',)

    def __init__(self, num_frames: int, width: int) -> None:
        super().__init__()
        self.table = nn.Parameter(torch.zeros(num_frames, width))

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, N, C).

        Raises:
            ValueError: more frames than there are embeddings.
        """
        if x.shape[1] > len(self.table):
            raise ValueError(f'clips of {x.shape[1]} frames, but the model has {len(self.table)} frame embeddings: read fewer')
        return x + self.table[: x.shape[1], None]


@MODELS.register_module()
class GitNetwork(Network):
    """A vision encoder, frame by frame, and a decoder that reads the frames' tokens before the text.

    Every frame keeps its class token. The projector `vision_decoder` is part of GIT.

    Args:
        vision_encoder, decoder: modules, configs, or None. frame_embedding: added to the tokens of clips of several frames, or
            None. projectors: as in `Network`.
    """

    stages = {
        'vision': ('vision_encoder', 'frame_embedding'),
        'decoder': ('vision_decoder', 'decoder'),
    }
    optional = frozenset({'frame_embedding', 'vision_decoder'})
    vocabularies = {'decoder': 'decoder'}

    def __init__(
        self,
        vision_encoder: nn.Module | dict | None = None,
        decoder: nn.Module | dict | None = None,
        frame_embedding: nn.Module | dict | None = None,
        projectors: Mapping[str, dict] | None = None,
    ) -> None:
        super().__init__(projectors, vision_encoder=vision_encoder, decoder=decoder, frame_embedding=frame_embedding)

    def width_of(self, stage: str) -> int:
        return self.vision_encoder.width

    def connections(self) -> Iterator[Connection]:
        if self.has('vision_encoder') and self.has('decoder'):
            target = self.decoder.memory_width
            yield Connection('vision_decoder', 'vision_encoder', self.vision_encoder.width, 'decoder', target)

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        batch, count = frames.shape[:2]
        tokens = self.vision_encoder(frames.flatten(0, 1)[:, None]).tokens.unflatten(0, (batch, count))
        if self.has('frame_embedding') and count > 1:
            tokens = self.frame_embedding(tokens)
        tokens = tokens.flatten(1, 2)
        return VisionFeatures(tokens, None, tokens, self.vision_encoder.num_prefix_tokens)

    def memory(self, stage: str, features: VisionFeatures) -> Memory:
        """(B, T * (1 + P), C)."""
        return Memory(self.project('vision_decoder', features.memory))
