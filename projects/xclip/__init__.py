"""X-CLIP (Ni et al. 2022, arXiv:2208.02816): CLIP for clips, whose frames exchange messages and whose texts read the clip."""

from .formats import XclipModelFormat
from .hub import xclip
from .modules import CrossFrameEncoder, VideoPrompts
from .network import XclipNetwork
from .tasks import PromptedClassification, PromptedContrast, PromptedRetrieval

__all__ = [
    'CrossFrameEncoder',
    'PromptedClassification',
    'PromptedContrast',
    'PromptedRetrieval',
    'VideoPrompts',
    'XclipModelFormat',
    'XclipNetwork',
    'xclip',
]
