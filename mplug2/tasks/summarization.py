"""Summaries of texts."""

from __future__ import annotations

from torch import nn

from ..modules.contracts import Memory
from ..networks import Features
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .generative import GenerativeTask, TextGenerator
from .inputs import InputKind
from .spec import TaskSpec


@TASKS.register_module()
class Summarization(GenerativeTask):
    """Write a short text that says what a long one does (Table 2, "Text Summarization").

    Args:
        network, tokenizer: given by the model. generation: arguments of `Generation`; the paper's 5 beams and at most
            512 tokens if None. objective: config of a `TextObjective`; `PrefixLM` if None.

    Predictions: ``pred_summary`` (str) and ``pred_score`` (float).
    """

    methods = ('summarize',)
    loss_name = 'summary'

    spec = TaskSpec.of('text', 'text decoder')
    inputs = {'text': InputKind.TEXT, 'target': InputKind.TARGET}

    def __init__(self, network: nn.Module, tokenizer, generation: dict | None = None, objective: dict | None = None) -> None:
        generation = generation or dict(num_beams=5, min_length=1, max_length=512)
        super().__init__(TextGenerator(tokenizer, generation), objective)

    def memory(self, features: Features) -> Memory:
        return features.memory('text')

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        hypotheses = self.hypotheses(features)
        for sample, (best, *_) in zip(batch.samples, hypotheses, strict=True):
            sample.pred_summary = self.generator.text(best)
            sample.pred_score = best.score
        return batch.samples
