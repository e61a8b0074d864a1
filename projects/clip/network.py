"""The wiring of CLIP. B samples, T frames, L tokens, C channels, E channels of an embedding."""

from __future__ import annotations

from torch import Tensor, nn

from mplug2.modules.contracts import join_frames, pooled
from mplug2.networks import Network, TextFeatures, VisionFeatures
from mplug2.registry import MODELS
from mplug2.structures import Tokens

from .text_encoder import at_end


class Projection(nn.Linear):
    """A linear map without bias from a token to an embedding."""

    def __init__(self, width: int, projection_dim: int) -> None:
        super().__init__(width, projection_dim, bias=False)

    def init_weights(self) -> None:
        nn.init.normal_(self.weight, std=self.in_features**-0.5)


@MODELS.register_module()
class ClipNetwork(Network):
    """A vision and a text encoder, each with a projection to one space; nothing joins them but their cosine.

    Features are the embeddings: `memory` is (B, 1, E) and `TextFeatures.tokens` too. Each frame of a clip is an image of its
    own, and the mean of their embeddings represents the clip, as in CLIP's use for videos.

    Args:
        vision_encoder, text_encoder: modules or configs. projection_dim: E.
    """

    stages = {'vision': ('vision_encoder', 'vision_projection'), 'text': ('text_encoder', 'text_projection')}

    def __init__(
        self,
        vision_encoder: nn.Module | dict,
        text_encoder: nn.Module | dict,
        projection_dim: int = 512,
    ) -> None:
        super().__init__(vision_encoder=vision_encoder, text_encoder=text_encoder)
        self.projection_dim = projection_dim
        self.vision_projection = Projection(self.vision_encoder.width, projection_dim)
        self.text_projection = Projection(self.text_encoder.width, projection_dim)

    def width_of(self, stage: str) -> int:
        return self.projection_dim

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        tokens = self.vision_encoder(frames.flatten(0, 1)[:, None]).tokens
        embeddings = self.embed_frames(tokens).unflatten(0, frames.shape[:2])
        joined = join_frames(tokens.unflatten(0, frames.shape[:2]), self.vision_encoder.num_prefix_tokens)
        return VisionFeatures(joined, None, self.join(embeddings)[:, None])

    def encode_text(self, text: Tokens) -> TextFeatures:
        encoded = self.text_encoder(text)
        return TextFeatures(encoded, self.embed_text(encoded, text.mask)[:, None], text.mask[:, :1])

    def embed_frames(self, tokens: Tensor) -> Tensor:
        """Tokens of single frames (N, prefix + P, C) -> embeddings (N, E)."""
        return self.vision_projection(pooled(tokens, self.vision_encoder.num_prefix_tokens))

    def embed_text(self, tokens: Tensor, mask: Tensor) -> Tensor:
        """Tokens (B, L, C) and their mask (B, L) -> embeddings (B, E)."""
        return self.text_projection(at_end(tokens, mask))

    def join(self, embeddings: Tensor) -> Tensor:
        """Embeddings of frames (B, T, E) -> that of the clip (B, E)."""
        return embeddings.mean(1)
