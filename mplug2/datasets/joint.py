"""Several data sets in turn, a block of samples each: joint training of several tasks from one stream."""

from __future__ import annotations

from typing import Any

import numpy as np
from torch.utils.data import Dataset

from ..registry import DATASETS, resolve
from .sampler import Draw


@DATASETS.register_module()
class JointDataset(Dataset):
    """Takes its parts in turn: with a block of a batch, each step trains the task of one part.

    Which part and which of its samples stand at a place of the stream is a function of (seed, place), so that it resumes as
    `ResumableSampler`, which it needs, does. Each part is shuffled anew for every pass over it.

    Args:
        parts: name -> config of a data set; the name becomes the batch's ``task``. block: samples in a row from one part: as
            many as all processes together take in a step.

    Raises:
        TypeError: a sample is asked for by a plain index, which no place of a stream goes with.
    """

    def __init__(self, parts: dict[str, dict], block: int) -> None:
        self.names = list(parts)
        self.parts = [DATASETS.build(resolve(part, DATASETS)) for part in parts.values()]
        self.block = block
        self._orders: dict[int, tuple[tuple[int, int], np.ndarray]] = {}  # of each part's last pass, by seed and number

    @property
    def metainfo(self) -> dict[str, Any]:
        return dict(dataset=type(self).__name__, parts={n: p.metainfo for n, p in zip(self.names, self.parts, strict=True)})

    def __len__(self) -> int:
        return sum(map(len, self.parts))

    def place(self, draw: Draw) -> tuple[int, Draw]:
        """The number of the part at a place of the stream, and the draw in it."""
        block, offset = divmod(draw.position, self.block)
        turn, part = divmod(block, len(self.parts))
        number, place = divmod(turn * self.block + offset, len(self.parts[part]))
        return part, Draw(int(self._order(part, draw.seed, number)[place]), draw.seed, draw.position)

    def _order(self, part: int, seed: int, number: int) -> np.ndarray:
        """The order of a pass over a part."""
        kept = self._orders.get(part)
        if kept is None or kept[0] != (seed, number):
            draws = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, number, part])))
            self._orders[part] = kept = (seed, number), draws.permutation(len(self.parts[part]))
        return kept[1]

    def __getitem__(self, index: int) -> Any:
        if not isinstance(index, Draw):
            raise TypeError('JointDataset gives samples by their place in the stream of ResumableSampler: use that sampler')
        part, draw = self.place(index)
        sample = self.parts[part][draw]
        if sample is not None:
            sample['inputs']['task'] = self.names[part]
        return sample
