"""The network's parts. They know nothing of tasks, data files or training."""

from .decoder import DecoderState, LanguageHead, Memory, TextDecoder
from .features import Features, FusedFeatures, Network, TextFeatures, VisionFeatures
from .fusion import FusionLayers
from .generation import Generation, Hypothesis, generate, rank
from .temporal import LocalTemporal, TemporalConvolution, TemporalSelfAttention
from .text import BertTextEncoder
from .universal import UniversalLayers
from .vision import DualVisionEncoder

__all__ = [
    'BertTextEncoder',
    'DecoderState',
    'DualVisionEncoder',
    'Features',
    'FusedFeatures',
    'FusionLayers',
    'Generation',
    'Hypothesis',
    'LanguageHead',
    'LocalTemporal',
    'Memory',
    'Network',
    'TemporalConvolution',
    'TemporalSelfAttention',
    'TextDecoder',
    'TextFeatures',
    'UniversalLayers',
    'VisionFeatures',
    'generate',
    'rank',
]
