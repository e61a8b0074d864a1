"""What training minimises: losses as pure functions, and objectives, which hold a loss's state and are injected into tasks."""

from .contrastive import Contrast, InBatchContrast, SigmoidContrast
from .matching import HardNegativeMatching
from .momentum_contrast import MomentumContrast

__all__ = [
    'Contrast',
    'HardNegativeMatching',
    'InBatchContrast',
    'MomentumContrast',
    'SigmoidContrast',
]
