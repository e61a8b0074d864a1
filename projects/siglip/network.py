"""The wiring of SigLIP. B samples, T frames, C channels, E channels of an embedding."""

from __future__ import annotations

from torch import Tensor, nn

from mplug2.modules.layers import initialize_transformer
from mplug2.networks import Network
from mplug2.projects.clip import ClipNetwork
from mplug2.registry import MODELS


class TextProjection(nn.Linear):
    """From the last token to the embedding."""

    def init_weights(self) -> None:
        initialize_transformer(self, self.in_features)


@MODELS.register_module()
class SiglipNetwork(ClipNetwork):
    """CLIP's wiring with other ends: attention pools the patches of a frame, and the last token, which may be padding,
    represents the text. What the pooling gives is the embedding, so E is its width.

    Args:
        vision_encoder, vision_pooling, text_encoder: modules or configs. projection_dim: E.
    """

    stages = {'vision': ('vision_encoder', 'vision_pooling'), 'text': ('text_encoder', 'text_projection')}

    def __init__(
        self,
        vision_encoder: nn.Module | dict,
        vision_pooling: nn.Module | dict,
        text_encoder: nn.Module | dict,
        projection_dim: int = 768,
    ) -> None:
        Network.__init__(self, vision_encoder=vision_encoder, vision_pooling=vision_pooling, text_encoder=text_encoder)
        if self.vision_pooling.width != projection_dim:
            raise ValueError(
                f"SiglipNetwork: vision_pooling gives {self.vision_pooling.width} channels, which are the embedding's: set "
                f'projection_dim to that, not to {projection_dim}'
            )
        self.projection_dim = projection_dim
        self.text_projection = TextProjection(self.text_encoder.width, projection_dim)

    def embed_frames(self, tokens: Tensor) -> Tensor:
        return self.vision_pooling(tokens)

    def embed_text(self, tokens: Tensor, mask: Tensor) -> Tensor:
        return self.text_projection(tokens[:, -1])
