"""What a caller in Python uses."""

from .index import EmbeddingIndex
from .inferencer import Inferencer, list_models
from .release import load_release
from .results import Candidate, Result

__all__ = ['Candidate', 'EmbeddingIndex', 'Inferencer', 'Result', 'list_models', 'load_release']
