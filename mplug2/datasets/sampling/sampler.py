"""The endless stream of training samples, each a function of the seed and its position."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sized

import numpy as np
import torch
from mmengine.dist import get_dist_info
from torch.utils.data import Sampler

from ...registry import DATA_SAMPLERS


class StreamIndex(int):
    """A sample's index that knows where in the stream it was drawn, so that its augmentation is a function of the place.

    seed: the stream's. position: in the stream of all ranks together.
    """

    def __new__(cls, index: int, seed: int = 0, position: int = 0) -> StreamIndex:
        draw = super().__new__(cls, index)
        draw.seed, draw.position = seed, position
        return draw

    def generator(self, *path: int) -> np.random.Generator:
        """A generator that depends on seed, position and `path` alone."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, self.position, *path])))

    def seed_everything(self) -> None:
        """Seed `random`, NumPy and PyTorch's CPU generator, so that transforms of any origin draw by position."""
        words = np.random.SeedSequence([self.seed, self.position]).generate_state(4)
        random.seed(words[:2].tobytes())
        np.random.seed(words[2])
        torch.default_generator.manual_seed(int(words[3]))


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """Shuffles every pass over the data and never ends.

    The stream of all ranks together is pass after pass without padding; sample g of it goes to rank g mod W. Order and draws
    are a function of (seed, g), so resuming costs nothing, and neither the number of workers nor the number of ranks
    changes what sample g is.

    Args:
        dataset: its length counts. seed: of the stream; the training loop sets the run's. shuffle: False keeps the order.

    Attributes:
        start_position: samples of this rank's stream to leave out at the start; the training loop sets it on resuming.
    """

    def __init__(self, dataset: Sized, seed: int | None = None, shuffle: bool = True) -> None:
        self.size = len(dataset)
        if self.size == 0:
            raise ValueError(f'{type(dataset).__name__} has no samples to draw from')
        self.rank, self.world_size = get_dist_info()
        self.seed = seed or 0
        self.shuffle = shuffle
        self.start_position = 0

    def __iter__(self) -> Iterator[StreamIndex]:
        position = self.start_position * self.world_size + self.rank
        current, order = -1, None
        while True:
            number, place = divmod(position, self.size)
            if number != current:
                current, order = number, self._order(number)
            yield StreamIndex(int(order[place]), self.seed, position)
            position += self.world_size

    def _order(self, number: int) -> np.ndarray:
        """The order of a pass."""
        if not self.shuffle:
            return np.arange(self.size)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, number]))).permutation(self.size)

    def __len__(self) -> int:
        """Samples that this rank draws in one pass."""
        return -(-self.size // self.world_size)
