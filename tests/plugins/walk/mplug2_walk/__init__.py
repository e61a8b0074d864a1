"""What a package of somebody else adds to mplug2: importing it registers two encoders, a decoder, a task and an objective."""

from .concept_contrast import ConceptContrast, ConceptId
from .moment_retrieval import MomentIoU, MomentRetrieval, Moments, MomentTarget
from .register_vit import RegisterViT
from .small_conv_net import SmallConvNet
from .wide_decoder import SmallVocabulary, WideDecoder

__all__ = [
    'ConceptContrast',
    'ConceptId',
    'MomentIoU',
    'MomentRetrieval',
    'MomentTarget',
    'Moments',
    'RegisterViT',
    'SmallConvNet',
    'SmallVocabulary',
    'WideDecoder',
]
