"""Training and testing on MMEngine: the runner, its loop, hooks, checkpoints and logs."""

from ..utils import lean_mmengine  # noqa: F401  # before the modules below, which import MMEngine's optimizers
from .checkpointer import Checkpointer
from .hooks.average_weights import AverageWeights
from .hooks.bad_samples import BadSampleCount
from .hooks.checkpoint import CheckpointHook
from .hooks.class_count import ClassCount
from .hooks.log_predictions import LogPredictions
from .hooks.nonfinite import NonFiniteError, NonFiniteGuard
from .hooks.preemption import StopOnSignal
from .hooks.runtime_info import RuntimeInfoHook
from .hooks.show_predictions import ShowPredictions
from .hooks.validation_loss import ValidationLoss
from .hooks.watchdog import Watchdog
from .hooks.write_predictions import WritePredictions
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
    'CheckpointHook',
    'Checkpointer',
    'ClassCount',
    'DeviceScalarBuffer',
    'LayerDecayConstructor',
    'LogPredictions',
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
    'Watchdog',
    'WritePredictions',
]
