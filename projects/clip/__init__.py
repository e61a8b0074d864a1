"""CLIP (Radford et al. 2021, arXiv:2103.00020): two encoders and the cosine of what they say."""

from .formats import ClipModelFormat, OpenClipModelFormat
from .hub import clip
from .network import ClipNetwork, Projection
from .text_encoder import CausalTextEncoder

__all__ = ['CausalTextEncoder', 'ClipModelFormat', 'ClipNetwork', 'OpenClipModelFormat', 'Projection', 'clip']
