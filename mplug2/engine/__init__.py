"""Training and testing on MMEngine: the runner, its loop, hooks, checkpoints and logs."""

from .checkpoint import CheckpointError, best_checkpoint, latest_checkpoint, load_checkpoint, load_weights, save_checkpoint
from .hooks import CheckpointHook, PredictionPictures, RuntimeInfoHook
from .layer_decay import LayerDecayConstructor
from .logs import LogProcessor, ScalarBuffer
from .loops import TrainLoop
from .optim import OptimWrapper
from .pretraining import PretrainLoop
from .retrieval import RetrievalTestLoop, RetrievalValLoop
from .rewards import CaptionReward
from .runner import Runner
from .validation_loss import ValidationLoss

__all__ = [
    'CaptionReward',
    'CheckpointError',
    'CheckpointHook',
    'LayerDecayConstructor',
    'LogProcessor',
    'OptimWrapper',
    'PredictionPictures',
    'PretrainLoop',
    'RetrievalTestLoop',
    'RetrievalValLoop',
    'Runner',
    'RuntimeInfoHook',
    'ScalarBuffer',
    'TrainLoop',
    'ValidationLoss',
    'best_checkpoint',
    'latest_checkpoint',
    'load_checkpoint',
    'load_weights',
    'save_checkpoint',
]
