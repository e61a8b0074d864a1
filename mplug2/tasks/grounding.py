"""Visual grounding: the box of what a phrase refers to."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from ..modules.contracts import Memory
from ..modules.generation import Hypothesis
from ..networks import Features
from ..registry import TASKS
from ..structures import Batch, MultiModalDataSample
from ..text.locations import LocationTokens
from .generative import GenerativeTask, TextGenerator
from .inputs import InputKind
from .spec import vision_spec


@TASKS.register_module()
class Grounding(GenerativeTask):
    """Find what a phrase refers to (Table 2, "Visual Grounding"): the decoder writes a box in location tokens, nothing else.

    Args:
        network, tokenizer: given by the model. locations: arguments of `LocationTokens`, the same as the data's.
        num_beams: of the search over boxes. objective: config of a `TextObjective`; `PrefixLM` if None.

    Predictions: ``pred_box``, corners x1 y1 x2 y2 as shares of the image's width and height, or None if what was generated is
    no box; and ``pred_score`` (float).
    """

    methods = ('ground',)
    loss_name = 'box'
    inputs = {'frames': InputKind.FRAMES, 'text': InputKind.TEXT, 'target': InputKind.TARGET}

    def __init__(
        self,
        network: nn.Module,
        tokenizer,
        locations: dict | None = None,
        num_beams: int = 1,
        objective: dict | None = None,
    ) -> None:
        places = LocationTokens(tokenizer, **(locations or {}))
        super().__init__(TextGenerator(tokenizer, places.generation(num_beams)), objective)
        self.spec = vision_spec('image', 'text', 'text fused decoder')
        self.locations = places
        self.register_buffer('allowed', places.allowed, persistent=False)

    def memory(self, features: Features) -> Memory:
        return features.memory('fused')

    def hypotheses(self, features: Features) -> list[list[Hypothesis]]:
        return self.generator.hypotheses(features, self.memory(features), self.allowed)

    def read_tokens(self, ids: Sequence[int]) -> tuple[list[str], str]:
        names = [*(() if self.locations.marker is None else ('box',)), 'left', 'top', 'right', 'bottom']
        return names, ' '.join(names)

    def predict(self, features: Features, batch: Batch) -> list[MultiModalDataSample]:
        for sample, (best, *_) in zip(batch.samples, self.hypotheses(features), strict=True):
            sample.pred_box = self.locations.decode(best.ids)
            sample.pred_score = best.score
        return batch.samples
