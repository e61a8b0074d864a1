"""Images and pages for people."""

from .modality_gap import draw_gap, modality_gap, principal_plane
from .predictions import Shown, draw_predictions, is_shown, register_view, write_predictions
from .retrieved import draw_retrieved, found_by_text

__all__ = [
    'Shown',
    'draw_gap',
    'draw_predictions',
    'draw_retrieved',
    'found_by_text',
    'is_shown',
    'modality_gap',
    'principal_plane',
    'register_view',
    'write_predictions',
]
