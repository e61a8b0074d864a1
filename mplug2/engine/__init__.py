"""Training and testing on MMEngine: the runner, its loop, hooks, checkpoints and logs."""

from ..weights.files import CheckpointError, best_checkpoint, latest_checkpoint, load_checkpoint
from .bad_samples import BadSampleCount
from .checkpoint import load_weights, save_checkpoint
from .ema import AverageWeights
from .hooks import CheckpointHook, RuntimeInfoHook, ShowPredictions
from .layer_decay import LayerDecayConstructor
from .logs import LogProcessor, ScalarBuffer
from .loops import TrainLoop
from .nonfinite import NonFiniteError, NonFiniteGuard
from .optim import OptimWrapper
from .preemption import StopOnSignal
from .pretraining import PretrainLoop
from .retrieval import RetrievalTestLoop, RetrievalValLoop
from .rewards import CaptionReward
from .runner import Runner
from .sharding import GatherForValidation
from .validation_loss import ValidationLoss

__all__ = [
    'AverageWeights',
    'BadSampleCount',
    'CaptionReward',
    'CheckpointError',
    'CheckpointHook',
    'GatherForValidation',
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
    'ScalarBuffer',
    'ShowPredictions',
    'StopOnSignal',
    'TrainLoop',
    'ValidationLoss',
    'best_checkpoint',
    'latest_checkpoint',
    'load_checkpoint',
    'load_weights',
    'save_checkpoint',
]
