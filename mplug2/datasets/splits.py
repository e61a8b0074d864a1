"""Splits of data that comes without any."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping


def split_by_hash(key: str, shares: Mapping[str, int]) -> str:
    """The split of a sample, by a hash of its key, so that samples with equal keys are in one.

    Args:
        shares: percent of the samples by split, in this order; the rest is 'train'.
    """
    place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], 'big') % 100
    for split, share in shares.items():
        if place < share:
            return split
        place -= share
    return 'train'
