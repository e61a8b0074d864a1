"""BLIP-2 (Li et al. 2023, arXiv:2301.12597): queries that read an image and are a language model's first words."""

from .formats import Blip2Format
from .hub import blip2
from .qformer import QFormer

__all__ = ['Blip2Format', 'QFormer', 'blip2']
