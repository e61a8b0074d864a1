"""What flows between data, network and metrics: data samples and the batch.

Letters in shapes: B samples, T frames, H and W pixels, L tokens, M targets (one or more a sample).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from mmengine.structures import BaseDataElement
from torch import Tensor


class MultiModalDataSample(BaseDataElement):
    """One sample's annotations and, after prediction, its predictions.

    Meta information (set with ``set_metainfo``): ``sample_id``, ``media`` ('image', 'video' or 'text'), ``path``.
    Data fields follow the task, under the benchmarks' own names: ``captions``, ``question``, ``answers``,
    ``pred_caption``, ``pred_answer``, ... Fields that a metric reads are named in the metric's docstring.
    """


class Tokens(NamedTuple):
    """Padded token ids.

    ids: (B, L) long. mask: (B, L) bool, True at real tokens. token_type_ids: (B, L) long segment ids of text pairs, or None.
    """

    ids: Tensor
    mask: Tensor
    token_type_ids: Tensor | None = None


class TargetBatch(NamedTuple):
    """Texts to generate; a sample has one or more (VQA has one for each distinct answer).

    ids: (M, L) long, from the start token on. mask: (M, L) bool, True at real tokens.
    loss_mask: (M, L) bool, True at tokens that are learned (neither the start token, nor a prompt, nor padding).
    sample: (M,) long, the row of the batch that the target belongs to. weight: (M,) float.
    """

    ids: Tensor
    mask: Tensor
    loss_mask: Tensor
    sample: Tensor
    weight: Tensor


Input: TypeAlias = Tensor | Tokens | TargetBatch


class Batch:
    """What tasks see of a batch: inputs by name, the data samples, and what the batch is for.

    The preprocessor makes 'frames' (B, T, 3, H, W) float, normalised (an image has T = 1). Transforms make all others under the
    names that the pipeline gives them: 'text', `Tokens`, the instruction (if the task has one) before the task's own text;
    targets, `TargetBatch`, 'target' if nothing else is said; 'label', 'media_id', ... A task names what it reads.

    Args:
        samples: the B data samples. task: which task of a multi-task model the batch is for, or which several in training; None
            means its only one. inputs: name -> input; None is none.
    """

    def __init__(
        self,
        *,
        samples: Sequence[MultiModalDataSample] = (),
        task: str | tuple[str, ...] | None = None,
        **inputs: Input | None,
    ) -> None:
        self.samples, self.task = samples, task
        self.inputs = {name: value for name, value in inputs.items() if value is not None}

    def __getitem__(self, name: str) -> Any:
        """An input.

        Raises:
            KeyError: the batch has none of that name.
        """
        if name not in self.inputs:
            there = ', '.join(map(repr, self.inputs)) or 'nothing'
            raise KeyError(
                f'a task asks for {name!r}, which the batch lacks; it has {there}: add the transform that makes it to the '
                'pipeline, and the name to the inputs of PackInputs'
            )
        return self.inputs[name]

    def __contains__(self, name: str) -> bool:
        return name in self.inputs

    def replace(self, **changes: Any) -> Batch:
        """A batch with other samples, another task, or other inputs; None takes an input away."""
        return Batch(**{**self.inputs, 'samples': self.samples, 'task': self.task, **changes})
