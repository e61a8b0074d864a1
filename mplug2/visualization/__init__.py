"""Figures and pages of predictions for people to read."""

from .attention import draw_attention, heat
from .modality_gap import PROJECTIONS, draw_gap, modality_gap, principal_plane, umap_plane
from .predictions import Shown, draw_predictions, is_shown, register_view, write_predictions
from .results import draw_result
from .retrieved import draw_retrieved, retrieved_by_text
from .samples import write_samples

__all__ = [
    'PROJECTIONS',
    'Shown',
    'draw_attention',
    'draw_gap',
    'draw_predictions',
    'draw_result',
    'draw_retrieved',
    'heat',
    'is_shown',
    'modality_gap',
    'principal_plane',
    'register_view',
    'retrieved_by_text',
    'umap_plane',
    'write_predictions',
    'write_samples',
]
