"""What a caller in Python uses."""

from .inferencer import Inferencer, list_models
from .release import load_release
from .results import Candidate, Result

__all__ = ['Candidate', 'Inferencer', 'Result', 'list_models', 'load_release']
