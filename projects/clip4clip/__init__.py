"""CLIP4Clip (Luo et al. 2021, arXiv:2104.08860): CLIP for clips, its frames joined by their mean or by a transformer."""

from .formats import Clip4ClipFormat
from .network import Clip4ClipNetwork, FrameTransformer

__all__ = ['Clip4ClipFormat', 'Clip4ClipNetwork', 'FrameTransformer']
