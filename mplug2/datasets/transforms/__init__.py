"""Transforms: a record of a dataset -> what the collate takes. All are registered in ``TRANSFORMS``."""

from .action import ActionPipeline
from .aspect import ResizeShorter
from .augment import RandAugment, RandomErasing
from .constant import AddField
from .grounding import BoxTarget, ObjectResizedCrop
from .loading import LoadImage, LoadVideo
from .masking import MaskTokens, SplitText
from .packing import PackInputs, Target
from .pairs import ChooseText, MediaIdentity, TokenizeTexts
from .spatial import BlankFrames, CenterCrop, ColorJitter, HorizontalFlip, RandomResizedCrop, Resize
from .text import TokenizeTarget, TokenizeText
from .text_pairs import AnswerWindows, TokenizePair
from .views import MultiCrop

__all__ = [
    'ActionPipeline',
    'AddField',
    'AnswerWindows',
    'BlankFrames',
    'BoxTarget',
    'CenterCrop',
    'ChooseText',
    'ColorJitter',
    'HorizontalFlip',
    'LoadImage',
    'LoadVideo',
    'MaskTokens',
    'MediaIdentity',
    'MultiCrop',
    'ObjectResizedCrop',
    'PackInputs',
    'RandAugment',
    'RandomErasing',
    'RandomResizedCrop',
    'Resize',
    'ResizeShorter',
    'SplitText',
    'Target',
    'TokenizePair',
    'TokenizeTarget',
    'TokenizeText',
    'TokenizeTexts',
]
