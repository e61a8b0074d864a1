"""Transforms: a record of a dataset -> what the collate takes. All are registered in ``TRANSFORMS``."""

from .loading import LoadImage, LoadVideo
from .packing import PackInputs, Target
from .spatial import CenterCrop, ColorJitter, HorizontalFlip, RandomResizedCrop, Resize
from .text import TokenizeTarget, TokenizeText

__all__ = [
    'CenterCrop',
    'ColorJitter',
    'HorizontalFlip',
    'LoadImage',
    'LoadVideo',
    'PackInputs',
    'RandomResizedCrop',
    'Resize',
    'Target',
    'TokenizeTarget',
    'TokenizeText',
]
