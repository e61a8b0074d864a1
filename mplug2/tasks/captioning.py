"""Image and video captioning."""

from __future__ import annotations

from torch import Tensor, nn

from ..networks import Features
from ..objectives.denominator import count_per_process, learned_tokens
from ..objectives.losses import captioning_loss
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from .base import Task
from .generative import Memory, TextGenerator, decode_targets
from .inputs import InputKind
from .spec import vision_spec


@TASKS.register_module()
class Captioning(Task):
    """Describe an image or a clip (Table 2, "Image / Video-Text Captioning").

    Args:
        network, tokenizer: given by the model. media: 'image' or 'video'.
        condition: 'instruction': vision and the fused instruction are decoded (the paper's row).
            'vision': vision alone is (the published weights).
        text: name of the input that holds the instruction.
        generation: arguments of `Generation`; the published 4 to 20 tokens at 5 beams if None.
        prompt: words before every training caption, cut off predictions. target: name of the input that holds the captions.

    Predictions: ``pred_caption`` (str) and ``pred_score`` (float).
    """

    methods = ('caption',)

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
    ) -> None:
        super().__init__()
        if condition == 'instruction':
            self.spec = vision_spec(media, 'text', 'text fused decoder')
        elif condition == 'vision':
            self.spec = vision_spec(media, '', 'decoder')
        else:
            raise ValueError(f"condition is 'instruction' or 'vision', not {condition!r}")
        self.condition, self.text, self.target = condition, text, target
        self.inputs = {'frames': InputKind.FRAMES, target: InputKind.TARGET}
        if condition == 'instruction':
            self.inputs[text] = InputKind.TEXT if text == 'text' else InputKind.INSTRUCTION
        self.generator = TextGenerator(tokenizer, generation or dict(num_beams=5, min_length=4, max_length=20), prompt)

    def memory(self, features: Features) -> Memory:
        if self.condition == 'vision':
            return features.memory('vision')
        return features.memory('fused', self.text)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        target = batch[self.target]
        logits = decode_targets(features, self.memory(features), target)
        return {'loss_caption': captioning_loss(logits, target, count_per_process(learned_tokens(target)))}

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        hypotheses = self.generator.hypotheses(features, self.memory(features))
        for sample, (best, *_) in zip(batch.samples, hypotheses, strict=True):
            sample.pred_caption = self.generator.text(best)
            sample.pred_score = best.score
        return batch.samples
