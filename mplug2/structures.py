"""What flows between data, network and metrics: data samples and the batch.

Letters in shapes: B samples, T frames, H and W pixels, L tokens, M targets (one or more a sample).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

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


class _NoExtra(dict):
    """Further tensors of a batch that has none: nothing can be written into it, since all such batches share it."""

    def _refuse(self, *args: Any, **kwargs: Any) -> None:
        raise TypeError(
            'this batch was made without extra, a default that all batches share: give it its own, Batch(extra=...)'
        )

    __setitem__ = __ior__ = setdefault = update = _refuse


class Batch(NamedTuple):
    """What a task sees of a batch.

    frames: (B, T, 3, H, W) float, normalised (an image has T = 1), or None. text: `Tokens`, the instruction (if the
    task has one) before the task's own text, or None.
    target: `TargetBatch` or None. extra: further tensors under the names that their transform gave them.
    samples: the B data samples. task: which task of a multi-task model the batch is for, or which several in training; None
    means its only one.
    """

    frames: Tensor | None = None
    text: Tokens | None = None
    target: TargetBatch | None = None
    extra: dict[str, Any] = _NoExtra()
    samples: Sequence[MultiModalDataSample] = ()
    task: str | tuple[str, ...] | None = None
