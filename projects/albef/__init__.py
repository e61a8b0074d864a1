"""ALBEF (Li et al. 2021, arXiv:2107.07651): align before fuse."""

from .formats import AlbefFormat, AlbefPretrainFormat
from .grounding import GradCamGrounding
from .network import AlbefNetwork

__all__ = ['AlbefFormat', 'AlbefNetwork', 'AlbefPretrainFormat', 'GradCamGrounding']
