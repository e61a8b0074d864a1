"""Flamingo (Alayrac et al. 2022, arXiv:2204.14198) as IDEFICS: a language model whose layers read images through gates."""

from .decoder import GatedDecoder
from .formats import IdeficsFormat
from .hub import idefics
from .resampler import PerceiverResampler

__all__ = ['GatedDecoder', 'IdeficsFormat', 'PerceiverResampler', 'idefics']
