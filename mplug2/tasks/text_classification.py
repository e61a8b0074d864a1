"""Classification of texts and pairs of texts."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from ..modules.text_heads import PooledClassifier
from ..networks import Features
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .inputs import InputKind
from .spec import TaskSpec


@TASKS.register_module()
class TextClassification(Task):
    """Classify a text or a pair of texts (Table 2, "Text Classification"), by the class token after the universal layers.

    Args:
        network, tokenizer: given by the model. num_classes: how many. dropout: of the head.

    Training reads ``label`` (B,) of the batch. Predictions: ``pred_label`` (int) and ``pred_score`` (its probability).
    """

    methods = ('classify_text',)

    spec = TaskSpec.of('text', 'text')
    inputs = {'text': InputKind.TEXT, 'label': InputKind.LABEL}

    def __init__(self, network: nn.Module, tokenizer, num_classes: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.num_classes = num_classes
        self.head = PooledClassifier(network.width_of('text'), num_classes, dropout)

    def init_weights(self) -> None:
        self.head.init_weights()

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        logits, label = self.head(features.text().pooled), batch['label']
        return {'loss_class': F.cross_entropy(logits, label), 'accuracy': (logits.argmax(1) == label).float().mean()}

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        scores, labels = self.head(features.text().pooled).softmax(1).max(1)
        for sample, label, score in zip(batch.samples, labels.tolist(), scores.tolist(), strict=True):
            sample.pred_label, sample.pred_score = label, score
        return batch.samples
