"""The contract of a task."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod

from torch import Tensor, nn
from torch.utils.data import Dataset

from ..networks import Features, Network
from ..structures import Batch, MultiModalDataSample
from .inputs import Inputs
from .spec import TaskSpec


class Task(nn.Module, metaclass=ABCMeta):
    """What is asked of a network: which features it takes, what the loss is and how a prediction is read off.

    A subclass is registered in ``TASKS``, sets `spec` and `inputs`, and is built with ``network`` and ``tokenizer`` as keyword
    arguments (beside those of its config). It reads sizes from the network but must not keep it: features bring it.
    """

    spec: TaskSpec
    inputs: Inputs = {}  # what it reads of a batch in training
    tokenizer_role: str = 'decoder'  # whose tokenizer it is given: that of the 'text' encoder or of the 'decoder'
    training_state: tuple[str, ...] = ()  # patterns of its weights that no prediction reads
    methods: tuple[str, ...] = ()  # of the `Inferencer`, which it serves

    @classmethod
    def for_prediction(cls, cfg: dict) -> dict:
        """The task's config without what only training uses, for a model that is not to be trained further."""
        return cfg

    def before_train(self, dataset: Dataset) -> None:
        """Called once before training, for what a task takes from the whole training set."""

    def begin_step(self, network: Network) -> None:
        """Called once before a training step that the task takes part in, for state that moves with steps."""

    @abstractmethod
    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        """Losses by name, each a scalar with 'loss' in its name; they are summed. Other scalars are only logged."""

    @abstractmethod
    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        """The batch's data samples with predictions set, in order."""
