"""Image and video captioning."""

from __future__ import annotations

from torch import nn

from ..modules.contracts import Memory
from ..networks import Features
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .generative import GenerativeTask, TextGenerator
from .inputs import InputKind
from .spec import vision_spec


@TASKS.register_module()
class Captioning(GenerativeTask):
    """Describe an image or a clip (Table 2, "Image / Video-Text Captioning").

    Args:
        network, tokenizer: given by the model. media: 'image' or 'video'.
        condition: 'instruction': vision and the fused instruction are decoded (the paper's row).
            'vision': vision alone is (the published weights).
        text: name of the input that holds the instruction.
        generation: arguments of `Generation`; the published 4 to 20 tokens at 5 beams if None.
        prompt: words before every training caption, cut off predictions. target: name of the input that holds the captions.
        objective: config of a `TextObjective`: `PrefixLM`, or `SelfCriticalReward` for a second stage; the former if None.

    Predictions: ``pred_caption`` (str) and ``pred_score`` (float).
    """

    methods = ('caption',)
    loss_name = 'caption'

    def __init__(
        self,
        network: nn.Module,
        tokenizer,
        media: str = 'video',
        condition: str = 'instruction',
        text: str = 'text',
        generation: dict | None = None,
        prompt: str = '',
        target: str = 'target',
        objective: dict | None = None,
    ) -> None:
        generation = generation or dict(num_beams=5, min_length=4, max_length=20)
        super().__init__(TextGenerator(tokenizer, generation, prompt), objective, target)
        if condition == 'instruction':
            self.spec = vision_spec(media, 'text', 'text fused decoder')
        elif condition == 'vision':
            self.spec = vision_spec(media, '', 'decoder')
        else:
            raise ValueError(f"condition is 'instruction' or 'vision', not {condition!r}")
        self.condition, self.text = condition, text
        self.inputs = {'frames': InputKind.FRAMES, target: InputKind.TARGET}
        if condition == 'instruction':
            self.inputs[text] = InputKind.TEXT if text == 'text' else InputKind.INSTRUCTION

    def memory(self, features: Features) -> Memory:
        if self.condition == 'vision':
            return features.memory('vision')
        return features.memory('fused', self.text)

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        hypotheses = self.hypotheses(features)
        for sample, (best, *_) in zip(batch.samples, hypotheses, strict=True):
            sample.pred_caption = self.generator.text(best)
            sample.pred_score = best.score
        return batch.samples
