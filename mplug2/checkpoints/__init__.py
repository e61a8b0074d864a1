"""Weights of other projects and of the authors: adapters in both directions, strict loading, ``init_cfg`` initialisers."""

from .conversion import convert
from .files import CheckpointError, find_weights, load_checkpoint, read_state, write_state
from .formats.adapter import Adapter, Entry, Translation
from .formats.bert import BertFormat
from .formats.release import ReleaseFormat
from .formats.vit import ClipFormat, DinoFormat, HuggingFaceClipFormat, HuggingFaceDinoFormat
from .initializers import BertWeights, ClipWeights, DinoWeights, MPlug2Weights, ReleaseWeights, pick_adapter
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
    'HuggingFaceClipFormat',
    'HuggingFaceDinoFormat',
    'LoadReport',
    'MPlug2Weights',
    'ReleaseFormat',
    'ReleaseWeights',
    'Translation',
    'convert',
    'find_weights',
    'load_checkpoint',
    'load_strictly',
    'pick_adapter',
    'read_state',
    'write_state',
]
