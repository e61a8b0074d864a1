"""What training minimises: losses as pure functions, and objectives, which hold a loss's state and are injected into tasks."""

from .contrastive import Contrast, InBatchContrast, SigmoidContrast
from .language import MaskedLM, PrefixLM, TextObjective
from .matching import HardNegativeMatching
from .momentum_contrast import MomentumContrast
from .self_critical import SelfCriticalReward

__all__ = [
    'Contrast',
    'HardNegativeMatching',
    'InBatchContrast',
    'MaskedLM',
    'MomentumContrast',
    'PrefixLM',
    'SelfCriticalReward',
    'SigmoidContrast',
    'TextObjective',
]
