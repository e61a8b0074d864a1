"""Weights of other projects and of the authors: adapters in both directions, strict loading, ``init_cfg`` initialisers."""

from ..utils import lean_mmengine  # noqa: F401  # before the modules below, which import MMEngine's runner
from .conversion import convert
from .errors import CheckpointError
from .files import load_checkpoint, read_state, save_checkpoint, write_state
from .find import best_checkpoint, find_weights, latest_checkpoint
from .formats.adapter import Adapter, Entry, Translation
from .formats.bert import BertFormat
from .formats.release import ReleaseFormat
from .formats.vit import ClipFormat, DinoFormat, HuggingFaceClipFormat, HuggingFaceDinoFormat
from .initializers import BertWeights, ClipWeights, DinoWeights, ForeignWeights, MPlug2Weights, ReleaseWeights, pick_adapter
from .load import Policy, load
from .loading import LoadReport, load_strictly

__all__ = [
    'Adapter',
    'BertFormat',
    'BertWeights',
    'CheckpointError',
    'ClipFormat',
    'ClipWeights',
    'DinoFormat',
    'DinoWeights',
    'Entry',
    'ForeignWeights',
    'HuggingFaceClipFormat',
    'HuggingFaceDinoFormat',
    'LoadReport',
    'MPlug2Weights',
    'Policy',
    'ReleaseFormat',
    'ReleaseWeights',
    'Translation',
    'best_checkpoint',
    'convert',
    'find_weights',
    'latest_checkpoint',
    'load',
    'load_checkpoint',
    'load_strictly',
    'pick_adapter',
    'read_state',
    'save_checkpoint',
    'write_state',
]
