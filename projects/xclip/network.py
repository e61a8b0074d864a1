"""The wiring of X-CLIP. B samples, T frames, P patches per frame, K texts, C channels, E channels of an embedding."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from mplug2.networks import FusedFeatures, Network, TextFeatures, VisionFeatures
from mplug2.projects.clip import ClipNetwork, Projection
from mplug2.registry import MODELS

from .modules import PatchProjection


@MODELS.register_module()
class XclipNetwork(ClipNetwork):
    """CLIP's wiring over whole clips: a transformer joins the frames' embeddings, and texts read the clip's patches before
    they are compared with it.

    `VisionFeatures.memory` is (B, 1 + P, E): the embedding of the clip, then the patches that texts read.

    Args:
        vision_encoder, text_encoder: modules or configs. temporal: over the frames' embeddings. prompts: what a clip adds to
            texts. projection_dim: E. eps: of the patches' layer norm.
    """

    stages = {
        'vision': ('vision_encoder', 'vision_projection', 'temporal', 'patch_projection'),
        'text': ('text_encoder', 'text_projection'),
        'fused': ('prompts',),
    }

    def __init__(
        self,
        vision_encoder: nn.Module | dict,
        text_encoder: nn.Module | dict,
        temporal: nn.Module | dict,
        prompts: nn.Module | dict,
        projection_dim: int = 512,
        eps: float = 1e-5,
    ) -> None:
        Network.__init__(self, vision_encoder=vision_encoder, text_encoder=text_encoder, temporal=temporal, prompts=prompts)
        for name in ('temporal', 'prompts'):
            width = self._modules[name].width
            if width != projection_dim:
                raise ValueError(
                    f'XclipNetwork: {name} has {width} channels, but embeddings have projection_dim={projection_dim}'
                )
        self.projection_dim = projection_dim
        self.vision_projection = Projection(self.vision_encoder.width, projection_dim)
        self.patch_projection = PatchProjection(self.vision_encoder.width, projection_dim, eps)
        self.text_projection = Projection(self.text_encoder.width, projection_dim)

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        count = frames.shape[1]
        encoded = self.vision_encoder(frames).tokens
        classes, patches = encoded[:, :count], encoded[:, count:]
        clip = self.temporal(self.vision_projection(classes)).mean(1, keepdim=True)
        memory = torch.cat([clip, self.patch_projection(patches.unflatten(1, (count, -1)))], 1)
        return VisionFeatures(torch.cat([classes.mean(1, keepdim=True), patches], 1), None, memory)

    def fuse(self, text: TextFeatures, vision: VisionFeatures) -> FusedFeatures:
        """Texts of B * K, those of a clip next to each other, and vision of B."""
        texts = text.tokens.view(len(vision.memory), -1, self.projection_dim)
        prompted = self.prompts(texts, vision.memory[:, 1:])
        return FusedFeatures(prompted.view(text.tokens.shape), text.mask, vision.memory)
