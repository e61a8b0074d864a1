"""Training and testing on MMEngine: the runner, its loop, hooks, checkpoints and logs."""

from ..checkpoints.files import CheckpointError, best_checkpoint, latest_checkpoint, load_checkpoint
from ..checkpoints.training import load_weights, save_checkpoint
from .hooks.average_weights import AverageWeights
from .hooks.bad_samples import BadSampleCount
from .hooks.checkpoint import CheckpointHook, RuntimeInfoHook, ShowPredictions
from .hooks.nonfinite import NonFiniteError, NonFiniteGuard
from .hooks.preemption import StopOnSignal
from .hooks.validation_loss import ValidationLoss
from .logs import DeviceScalarBuffer, LogProcessor
from .loops.pretraining import PretrainLoop
from .loops.retrieval import RetrievalTestLoop, RetrievalValLoop
from .loops.train import TrainLoop
from .optim.layer_decay import LayerDecayConstructor
from .optim.wrapper import OptimWrapper
from .parallel.sharding import UnshardForValidation
from .runner import Runner

__all__ = [
    'AverageWeights',
    'BadSampleCount',
    'CheckpointError',
    'CheckpointHook',
    'DeviceScalarBuffer',
    'LayerDecayConstructor',
    'LogProcessor',
    'NonFiniteError',
    'NonFiniteGuard',
    'OptimWrapper',
    'PretrainLoop',
    'RetrievalTestLoop',
    'RetrievalValLoop',
    'Runner',
    'RuntimeInfoHook',
    'ShowPredictions',
    'StopOnSignal',
    'TrainLoop',
    'UnshardForValidation',
    'ValidationLoss',
    'best_checkpoint',
    'latest_checkpoint',
    'load_checkpoint',
    'load_weights',
    'save_checkpoint',
]
