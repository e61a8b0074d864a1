"""The network's parts. They know nothing of tasks, data files or training."""

from .blocks import blocks_of, checkpoint_blocks, compile_blocks, prepare_blocks
from .contracts import Memory, VisionTokens
from .decoder import DecoderState, TextDecoder
from .encoders.huggingface import HuggingFaceVisionEncoder
from .encoders.text import BertTextEncoder, HuggingFaceTextEncoder
from .encoders.timm import TimmVisionEncoder
from .encoders.vision import DualVisionEncoder
from .fusion import FusionLayers
from .generation import Generation, Hypothesis, generate, rank
from .heads import ContrastiveHead, LanguageHead, LogitScaleHead
from .huggingface_decoder import HuggingFaceDecoder
from .layers import Block
from .momentum import MomentumEncoder
from .projectors import LinearProjector
from .queue import FeatureQueue
from .temporal import LocalTemporal, TemporalConvolution, TemporalSelfAttention
from .text_heads import PooledClassifier, SpanHead
from .universal import UniversalLayers
from .wrapped import WrappedLayer

__all__ = [
    'BertTextEncoder',
    'Block',
    'ContrastiveHead',
    'DecoderState',
    'DualVisionEncoder',
    'FeatureQueue',
    'FusionLayers',
    'Generation',
    'HuggingFaceDecoder',
    'HuggingFaceTextEncoder',
    'HuggingFaceVisionEncoder',
    'Hypothesis',
    'LanguageHead',
    'LinearProjector',
    'LocalTemporal',
    'LogitScaleHead',
    'Memory',
    'MomentumEncoder',
    'PooledClassifier',
    'SpanHead',
    'TemporalConvolution',
    'TemporalSelfAttention',
    'TextDecoder',
    'TimmVisionEncoder',
    'UniversalLayers',
    'VisionTokens',
    'WrappedLayer',
    'blocks_of',
    'checkpoint_blocks',
    'compile_blocks',
    'generate',
    'prepare_blocks',
    'rank',
]
