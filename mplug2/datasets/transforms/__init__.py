"""Transforms: a record of a dataset -> what the collate takes. All are registered in ``TRANSFORMS``."""

from .action import ActionPipeline, DecodeClip, OpenClip
from .aspect import ResizeShorter
from .augment import RandAugment, RandomErasing
from .constant import AddConstant
from .grounding import BoxSafeResizedCrop, BoxTarget
from .loading import LoadImage, LoadVideo
from .masking import MaskTokens, SplitPrefix
from .media_text import AddMediaId, ChooseText, TokenizeTexts
from .packing import PackInputs, TargetText
from .pillow import PillowResize
from .sentence_pairs import AnswerWindows, TokenizePair
from .spatial import BlankFrames, CenterCrop, ColorJitter, HorizontalFlip, RandomResizedCrop, Resize
from .text import TokenizeTarget, TokenizeText
from .views import MirrorViews, MultiCrop

__all__ = [
    'ActionPipeline',
    'AddConstant',
    'AddMediaId',
    'AnswerWindows',
    'BlankFrames',
    'BoxSafeResizedCrop',
    'BoxTarget',
    'CenterCrop',
    'ChooseText',
    'ColorJitter',
    'DecodeClip',
    'HorizontalFlip',
    'LoadImage',
    'LoadVideo',
    'MaskTokens',
    'MirrorViews',
    'MultiCrop',
    'OpenClip',
    'PackInputs',
    'PillowResize',
    'RandAugment',
    'RandomErasing',
    'RandomResizedCrop',
    'Resize',
    'ResizeShorter',
    'SplitPrefix',
    'TargetText',
    'TokenizePair',
    'TokenizeTarget',
    'TokenizeText',
    'TokenizeTexts',
]
