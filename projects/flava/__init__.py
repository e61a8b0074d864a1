"""FLAVA (Singh et al. 2022, arXiv:2112.04482): an image encoder, a text encoder, and one transformer over both."""

from .formats import FlavaFormat
from .hub import flava
from .network import FlavaNetwork, JointEncoder

__all__ = ['FlavaFormat', 'FlavaNetwork', 'JointEncoder', 'flava']
