"""The last transform: what leaves the worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from ...registry import TRANSFORMS
from ...structures import MultiModalDataSample
from .base import BaseTransform


class TargetText(NamedTuple):
    """A text to generate. ids: tokens from the start token on; learned: for each, whether the loss counts it."""

    ids: list[int]
    loss_mask: list[bool]
    weight: float = 1.0


@TRANSFORMS.register_module()
class PackInputs(BaseTransform):
    """A sample as ``dict(inputs, data_samples)``, which the collate takes.

    ``frames`` becomes a tensor (T, 3, H, W) uint8; the views of a test, (V, T, H, W, 3), one of (V, T, 3, H, W).

    Args:
        inputs: keys that the network sees; 'frames', 'text', 'target' and 'task' are taken where the sample has them.
        fields: annotations that the task or the metric reads off the data sample. meta: meta information of the data sample,
            taken where the sample has it.

    Raises:
        KeyError: a sample lacks one of `fields`, or of `inputs` beyond the usual.
    """

    USUAL = ('frames', 'text', 'target', 'task')

    def __init__(
        self,
        inputs: Sequence[str] = (),
        fields: Sequence[str] = (),
        meta: Sequence[str] = ('sample_id', 'media', 'path', 'num_views', 'sentence1', 'sentence2', 'document'),
    ) -> None:
        self.inputs, self.fields, self.meta = tuple(inputs), tuple(fields), tuple(meta)

    def transform(self, results: dict) -> dict:
        missing = [key for key in (*self.inputs, *self.fields) if key not in results]
        if missing:
            raise KeyError(
                f'PackInputs: sample {results.get("sample_id")} has no {" and no ".join(map(repr, missing))}; '
                f'it has {", ".join(results)}'
            )
        inputs = {key: results[key] for key in (*self.USUAL, *self.inputs) if key in results}
        if 'frames' in inputs:
            inputs['frames'] = np.ascontiguousarray(np.moveaxis(inputs['frames'], -1, -3))
        inputs = {key: torch.from_numpy(value) if isinstance(value, np.ndarray) else value for key, value in inputs.items()}
        sample = MultiModalDataSample(metainfo={key: results[key] for key in self.meta if key in results})
        for key in self.fields:
            setattr(sample, key, results[key])
        return dict(inputs=inputs, data_samples=sample)
