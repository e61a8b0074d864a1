"""What happens when a sample's file cannot be read: the bad-sample policy."""

from __future__ import annotations

import torch
from mmengine.logging import MMLogger

POLICIES = ('raise', 'skip', 'replace')


class BadSampleError(Exception):
    """A sample's media cannot be read. The message names the file and what is wrong with it."""


class TooManyBadSamples(Exception):
    """More samples are bad than the policy allows."""


class AnnotationError(ValueError):
    """An annotation file is not as its benchmark publishes it. The message names file, record and key."""


class BadSamples:
    """Counts, names and bounds a dataset's bad samples; what a loader's worker counts, its process and other workers see.

    Each sample counts once, however often it is met. Processes that train or test together count each for itself, so the bound
    is that of each; `BadSampleCount` sums.

    Args:
        size: samples of the dataset. policy: 'raise'; 'skip': the batch is that much smaller, and a test scores fewer samples
            (several processes need equal batches, so they may not);
            'replace': another sample, chosen by the seed and the position in the stream, takes the place.
        max_bad: how many samples may be bad, as a count (int) or a share of the dataset (float below 1; of a
            small one it allows at least one, unless it is 0). One more ends the run.
    """

    def __init__(self, size: int, policy: str = 'raise', max_bad: int | float = 0.01) -> None:
        if policy not in POLICIES:
            raise ValueError(f'the bad-sample policy is one of {", ".join(map(repr, POLICIES))}, not {policy!r}')
        if max_bad < 0 or (isinstance(max_bad, float) and max_bad >= 1):
            raise ValueError(f'max_bad is a count (int), or a share (float) from 0 to below 1, not {max_bad!r}')
        self.policy = policy
        self.bound = max(int(size * max_bad), int(max_bad > 0)) if isinstance(max_bad, float) else max_bad
        # A flag a sample in shared memory: setting one twice, or from two workers at once, is harmless, so no lock is needed.
        self._flags = None if policy == 'raise' else torch.zeros(size, dtype=torch.uint8).share_memory_()

    @property
    def count(self) -> int:
        """Samples found bad so far, by this process and its workers."""
        return 0 if self._flags is None else int(self._flags.sum())

    def add(self, index: int, message: str) -> None:
        """Note that a sample is bad.

        Raises:
            BadSampleError: the policy is 'raise'. TooManyBadSamples: the bound is passed.
        """
        message = message.encode('utf-8', 'backslashreplace').decode()  # names of files need not be text
        if self._flags is None:
            raise BadSampleError(message)
        if self._flags[index]:
            return
        self._flags[index] = 1
        count = self.count
        if count > self.bound:
            raise TooManyBadSamples(
                f'{count} of {len(self._flags)} samples are bad, and max_bad allows {self.bound}; the last: {message}'
            )
        MMLogger.get_current_instance().warning(f'bad sample {count} (at most {self.bound}, {self.policy}): {message}')
