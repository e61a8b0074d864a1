"""Extractive question answering over texts."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..modules.text_heads import SpanHead
from ..networks import Features
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .inputs import InputKind
from .spec import TaskSpec


@TASKS.register_module()
class TextQA(Task):
    """Find the answer to a question in a text (Table 2, "Text QA"): the likeliest span of tokens after the universal layers.

    The class token means "there is no answer here". A long text is read in windows (`AnswerWindows`).

    Args:
        network, tokenizer: given by the model. unanswerable: whether questions may have no answer (SQuAD 2.0). Otherwise the
            best span is always given. null_threshold: no answer is given where it scores more than this above the best
            span; scores are sums of the logits of start and end. max_answer: tokens of a span.

    Training reads ``span`` (B, 2) of the batch, the first and last token of the answer within its window; 0, 0 for none.
    Predictions: ``pred_answer`` (str, '' for none), ``pred_span`` (str, the best span) and ``pred_null`` (float, by how much
    "no answer" scores above it; the evidence against an answer is that of the window where it is weakest, as in BERT).
    """

    methods = ('answer_text',)

    spec = TaskSpec.of('text', 'text')
    inputs = {'text': InputKind.TEXT, 'span': InputKind.SPAN}

    def __init__(
        self,
        network: nn.Module,
        tokenizer,
        unanswerable: bool = True,
        null_threshold: float = 0.0,
        max_answer: int = 30,
    ) -> None:
        super().__init__()
        self.head = SpanHead(network.width_of('text'))
        self.unanswerable, self.null_threshold, self.max_answer = unanswerable, null_threshold, max_answer

    def init_weights(self) -> None:
        self.head.init_weights()

    def _logits(self, features: Features) -> tuple[Tensor, Tensor]:
        """Logits of start and end, (M, L) each, minus infinity at padding."""
        text = features.text()
        start, end = self.head(text.tokens)
        return start.masked_fill(~text.mask, float('-inf')), end.masked_fill(~text.mask, float('-inf'))

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        first, last = batch['span'].unbind(1)
        start, end = self._logits(features)
        return {'loss_span': (F.cross_entropy(start, first) + F.cross_entropy(end, last)) / 2}

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        start, end = self._logits(features)
        spans = iter(self._best(start, end, [window for sample in batch.samples for window in sample.windows]))
        for sample in batch.samples:
            windows = [next(spans) for _ in sample.windows]
            score, first, last, _ = max(windows)
            null = min(null for *_, null in windows)
            sample.pred_span = sample.context[first:last]
            sample.pred_null = null - score
            empty = self.unanswerable and sample.pred_null > self.null_threshold
            sample.pred_answer = '' if empty else sample.pred_span
        return batch.samples

    def _best(self, start: Tensor, end: Tensor, windows: list[list]) -> list[tuple[float, int, int, float]]:
        """For each window the score of its best span, the characters (start, end) of it, and the score of no answer.

        Args:
            start, end: (M, L). windows: for each of its tokens the characters (start, end), None outside the text.
        """
        length = start.shape[1]
        text = torch.zeros(start.shape, dtype=torch.bool)
        for row, window in zip(text, windows, strict=True):
            row[: len(window)] = torch.tensor([place is not None for place in window])
        text = text.to(start.device)
        scores = start.masked_fill(~text, float('-inf'))[:, :, None] + end.masked_fill(~text, float('-inf'))[:, None, :]
        allowed = torch.ones(length, length, dtype=torch.bool, device=start.device).triu().tril(self.max_answer - 1)
        best, place = scores.masked_fill(~allowed, float('-inf')).flatten(1).max(1)
        null = (start[:, 0] + end[:, 0]).tolist()
        spans = []
        for window, score, spot, empty in zip(windows, best.tolist(), place.tolist(), null, strict=True):
            first, last = divmod(spot, length)
            spans.append((score, window[first][0], window[last][1], empty))
        return spans
