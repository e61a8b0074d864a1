"""CoCa (Yu et al. 2022, arXiv:2205.01917): a decoder whose first half embeds texts and whose second half captions."""

from .formats import CocaFormat
from .modules import AttentionalPooler, ClassTokenTextEncoder, MultimodalLayers, SplitDecoder
from .network import CocaNetwork

__all__ = ['AttentionalPooler', 'ClassTokenTextEncoder', 'CocaFormat', 'CocaNetwork', 'MultimodalLayers', 'SplitDecoder']
