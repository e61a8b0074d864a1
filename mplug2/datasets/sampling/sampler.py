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
    """A sample's index with its position in the stream, so that its augmentation is a function of the position.

    seed: the stream's. position: in the stream of all ranks together.
    """

    def __new__(cls, index: int, seed: int = 0, position: int = 0) -> StreamIndex:
        draw = super().__new__(cls, index)
        draw.seed, draw.position = seed, position
        return draw

    def generator(self, *path: int) -> np.random.Generator:
        """A generator that depends only on seed, position and `path`."""
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, self.position, *path])))

    def seed_everything(self) -> None:
        """Seed `random`, NumPy and PyTorch's CPU generator, so that any transform depends on the position."""
        words = np.random.SeedSequence([self.seed, self.position]).generate_state(4)
        random.seed(words[:2].tobytes())
        np.random.seed(words[2])
        torch.default_generator.manual_seed(int(words[3]))


@DATA_SAMPLERS.register_module()
class ResumableSampler(Sampler):
    """Shuffles every epoch and never ends.

    The stream of all ranks together is epoch after epoch without padding; sample g of it goes to rank g mod W. Order and seeds
    are a function of (seed, g), so resuming costs nothing, and neither the number of workers nor the number of ranks
    changes what sample g is.

    Args:
        dataset: only its length is used. seed: of the stream; the training loop sets the run's. shuffle: False keeps the order.

    Attributes:
        start_position: samples of this rank's stream to skip; the training loop sets it on resuming.
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
        current_epoch, order = -1, None
        while True:
            epoch, offset = divmod(position, self.size)
            if epoch != current_epoch:
                current_epoch, order = epoch, self._order(epoch)
            yield StreamIndex(int(order[offset]), self.seed, position)
            position += self.world_size

    def _order(self, epoch: int) -> np.ndarray:
        """The order of an epoch."""
        if not self.shuffle:
            return np.arange(self.size)
        return np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, epoch]))).permutation(self.size)

    def __len__(self) -> int:
        """Samples of this rank in one epoch."""
        return -(-self.size // self.world_size)
