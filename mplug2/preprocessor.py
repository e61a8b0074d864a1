"""From a collated batch on the host to what tasks see on the device."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .registry import MODELS
from .structures import Batch
from .utils.lean_mmengine import BaseDataPreprocessor

# CLIP's channel statistics, in units of [0, 1].
CLIP_MEAN = (0.48145466, 0.4578275, 0.40821073)
CLIP_STD = (0.26862954, 0.26130258, 0.27577711)


@MODELS.register_module()
class MultiModalDataPreprocessor(BaseDataPreprocessor):
    """Moves a batch to the device and normalises its frames there; uint8 travels, a quarter of the bytes.

    Args:
        mean, std: per channel, in units of [0, 1].
    """

    def __init__(self, mean: Sequence[float] = CLIP_MEAN, std: Sequence[float] = CLIP_STD, non_blocking: bool = True) -> None:
        super().__init__(non_blocking)
        mean, std = torch.tensor(mean), torch.tensor(std)
        self.register_buffer('scale', (1 / (255 * std)).view(3, 1, 1), persistent=False)
        self.register_buffer('shift', (-mean / std).view(3, 1, 1), persistent=False)

    def forward(self, data: dict, training: bool = False) -> dict:
        """``dict(inputs, data_samples)`` of the collate -> the same with ``inputs`` a `Batch`.

        Raises:
            TypeError: frames are not uint8, so they were normalised already.
        """
        data = self.cast_data(data)
        inputs, samples = dict(data['inputs']), data['data_samples']
        frames = inputs.pop('frames', None)
        if frames is not None:
            if frames.dtype != torch.uint8:
                raise TypeError(
                    f'frames must leave the pipeline as uint8, not {frames.dtype}: normalising is done on the device'
                )
            frames = torch.addcmul(self.shift, frames.to(self.scale.dtype), self.scale)
        return {'inputs': Batch(frames=frames, samples=samples, **inputs), 'data_samples': samples}
