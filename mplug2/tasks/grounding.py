"""Visual grounding: the box of what a phrase refers to."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ..networks import Features
from ..objectives.denominator import count_per_process, learned_tokens
from ..objectives.losses import captioning_loss
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from ..text.locations import LocationTokens
from .base import Task
from .generative import TextGenerator, decode_targets
from .inputs import InputKind
from .spec import vision_spec


@TASKS.register_module()
class Grounding(Task):
    """Find what a phrase refers to (Table 2, "Visual Grounding"): the decoder writes a box in location tokens, nothing else.

    Args:
        network, tokenizer: given by the model. locations: arguments of `LocationTokens`, the same as the data's.
        num_beams: of the search over boxes.

    Predictions: ``pred_box``, corners x1 y1 x2 y2 as shares of the image's width and height, or None if what was generated is
    no box; and ``pred_score`` (float).
    """

    methods = ('ground',)
    inputs = {'frames': InputKind.FRAMES, 'text': InputKind.TEXT, 'target': InputKind.TARGET}

    def __init__(self, network: nn.Module, tokenizer, locations: dict | None = None, num_beams: int = 1) -> None:
        super().__init__()
        self.spec = vision_spec('image', 'text', 'text fused decoder')
        self.locations = LocationTokens(tokenizer, **(locations or {}))
        length = self.locations.length
        self.generator = TextGenerator(tokenizer, dict(num_beams=num_beams, min_length=length, max_length=length + 1))
        allowed = torch.zeros(tokenizer.vocab_size, dtype=torch.bool)
        allowed[self.locations.ids] = True
        self.register_buffer('allowed', allowed, persistent=False)

    def loss(self, features: Features, batch: Batch) -> dict[str, Tensor]:
        target = batch['target']
        logits = decode_targets(features, features.memory('fused'), target)
        return {'loss_box': captioning_loss(logits, target, count_per_process(learned_tokens(target)))}

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        hypotheses = self.generator.hypotheses(features, features.memory('fused'), self.allowed)
        for sample, (best, *_) in zip(batch.samples, hypotheses, strict=True):
            sample.pred_box = self.locations.decode(best.ids)
            sample.pred_score = best.score
        return batch.samples
