"""Summaries of texts."""

from __future__ import annotations

from torch import Tensor, nn

from ..networks import Features
from ..objectives.denominator import count_per_process, learned_tokens
from ..objectives.losses import captioning_loss
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .generative import TextGenerator, decode_targets
from .inputs import InputKind
from .spec import TaskSpec


@TASKS.register_module()
class Summarization(Task):
    """Write a short text that says what a long one does (Table 2, "Text Summarization").

    Args:
        network, tokenizer: given by the model. generation: arguments of `Generation`; the paper's 5 beams and at most
            512 tokens if None.

    Predictions: ``pred_summary`` (str) and ``pred_score`` (float).
    """

    methods = ('summarize',)

    spec = TaskSpec.of('text', 'text decoder')
    inputs = {'text': InputKind.TEXT, 'target': InputKind.TARGET}

    def __init__(self, network: nn.Module, tokenizer, generation: dict | None = None) -> None:
        super().__init__()
        self.generator = TextGenerator(tokenizer, generation or dict(num_beams=5, min_length=1, max_length=512))

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        target = batch['target']
        logits = decode_targets(features, features.memory('text'), target)
        return {'loss_summary': captioning_loss(logits, target, count_per_process(learned_tokens(target)))}

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        hypotheses = self.generator.hypotheses(features, features.memory('text'))
        for sample, (best, *_) in zip(batch.samples, hypotheses, strict=True):
            sample.pred_summary = self.generator.text(best)
            sample.pred_score = best.score
        return batch.samples
