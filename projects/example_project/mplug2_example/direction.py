"""A task: does a clip run forwards or backwards? (The arrow of time, which needs no annotation.)"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mplug2.evaluation.base import Metric
from mplug2.networks import Features
from mplug2.registry import METRICS, TASKS
from mplug2.structures import Batch, MultiModalDataSample
from mplug2.tasks import Task, TaskSpec


@TASKS.register_module()
class TimeDirection(Task):
    """Tell a clip from its reverse.

    Trained on clips of which half are turned round. Prediction: ``pred_forwards`` (float), the probability that the clip as
    it is in the batch runs forwards, against its reverse.

    Args:
        network, tokenizer: given by the model.
    """

    spec = TaskSpec.of('video', 'vision')  # what goes in, and which stages of the network it goes through

    def __init__(self, network: nn.Module, tokenizer: Any = None) -> None:
        super().__init__()
        self.head = nn.Linear(network.width_of('vision'), 1)

    def score(self, features: Features, frames: Tensor, name: str) -> Tensor:
        """Frames (B, T, 3, H, W) -> logits (B,). Features are kept by name, so each version of the clip needs its own."""
        features.batch.inputs[name] = frames
        return self.head(features.vision(name).pooled)[:, 0]

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        frames = batch['frames']
        forwards = torch.rand(len(frames), device=frames.device) < 0.5
        shown = torch.where(forwards.view(-1, 1, 1, 1, 1), frames, frames.flip(1))
        logits = self.score(features, shown, 'shown')
        return {'loss_direction': F.binary_cross_entropy_with_logits(logits, forwards.float())}

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        frames = batch['frames']
        margin = self.score(features, frames, 'shown') - self.score(features, frames.flip(1), 'reversed')
        for sample, probability in zip(batch.samples, margin.sigmoid().tolist(), strict=True):
            sample.pred_forwards = probability
        return batch.samples


@METRICS.register_module()
class DirectionAccuracy(Metric):
    """Share of clips, in percent, that are distinguished from their reverse. Reads ``pred_forwards``."""

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        self.results += [sample['pred_forwards'] > 0.5 for sample in data_samples]

    def compute_metrics(self, results: list[bool]) -> dict[str, float]:
        return {'direction_accuracy': 100 * sum(results) / len(results)}
