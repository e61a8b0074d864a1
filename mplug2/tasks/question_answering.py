"""Image and video question answering."""

from __future__ import annotations

import torch
from torch import nn

from ..modules.contracts import Memory
from ..modules.generation import rank
from ..networks import Features
from ..objectives.language import PrefixLM
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from ..text.answers import read_answers, tidy_answer
from .generative import GenerativeTask, TextGenerator
from .inputs import InputKind
from .spec import vision_spec


@TASKS.register_module()
class QuestionAnswering(GenerativeTask):
    """Answer a question about an image or a clip with free text (Table 2, "Image / Video-Text Question Answering").

    Args:
        network, tokenizer: given by the model. media: 'image' or 'video'.
        generation: arguments of `Generation`; the published 1 to 10 tokens at 5 beams if None.
        answers: to choose from, or a file of them (`read_answers`); the published ranking then replaces free generation.
        top_k: answers that the first token's probability passes on to the ranking. target: name of the input that holds the
            answers. objective: config of a `TextObjective`; `PrefixLM` with a mean over samples if None.

    Training weighs each distinct answer of a sample (VQA: the share of annotators who gave it).
    Predictions: ``pred_answer`` (str) and ``pred_score`` (float: the search's score, or the probability when ranking).
    """

    methods = ('answer',)
    loss_name = 'answer'

    def __init__(
        self,
        network: nn.Module,
        tokenizer,
        media: str = 'video',
        generation: dict | None = None,
        answers: list[str] | str | None = None,
        top_k: int = 128,
        target: str = 'target',
        objective: dict | None = None,
    ) -> None:
        generator = TextGenerator(tokenizer, generation or dict(num_beams=5, min_length=1, max_length=10))
        super().__init__(generator, objective or dict(type=PrefixLM, mean='samples'), target)
        self.spec = vision_spec(media, 'text', 'text fused decoder')
        self.answers = read_answers(answers) if isinstance(answers, str) else answers
        self.top_k = top_k
        self.inputs = {'frames': InputKind.FRAMES, 'text': InputKind.TEXT, target: InputKind.TARGET}
        if self.answers is not None:
            ids = [tokenizer.encode_target(answer)[0] for answer in self.answers]
            length = max(map(len, ids))
            padded = [row + [tokenizer.pad_id] * (length - len(row)) for row in ids]
            self.register_buffer('candidates', torch.tensor(padded), persistent=False)
            self.register_buffer(
                'candidate_mask', torch.tensor([[i < len(row) for i in range(length)] for row in ids]), persistent=False
            )

    def memory(self, features: Features) -> Memory:
        return features.memory('fused')

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        memory = self.memory(features)
        if self.answers is None:
            hypotheses = self.generator.hypotheses(features, memory)
            answers = [(tidy_answer(self.generator.text(best)), best.score) for best, *_ in hypotheses]
        else:
            decoder = features.network.decoder
            index, probability = rank(decoder, memory, self.candidates, self.candidate_mask, self.top_k)
            answers = [(self.answers[i], p) for i, p in zip(index[:, 0].tolist(), probability[:, 0].tolist(), strict=True)]
        for sample, (answer, score) in zip(batch.samples, answers, strict=True):
            sample.pred_answer = answer
            sample.pred_score = score
        return batch.samples
