"""Pictures for people."""

from .modality_gap import draw_gap, modality_gap, principal_plane
from .predictions import draw_predictions

__all__ = ['draw_gap', 'draw_predictions', 'modality_gap', 'principal_plane']
