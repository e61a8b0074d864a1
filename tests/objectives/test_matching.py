"""Matching of pairs."""

from types import SimpleNamespace

import torch

from mplug2.objectives import HardNegativeMatching


def test_matching_answers_in_full_precision() -> None:
    matching = HardNegativeMatching(SimpleNamespace(width_of=lambda memory: 16))
    with torch.autocast('cpu', torch.bfloat16):
        logits = matching(torch.randn(5, 16))
    assert logits.shape == (5, 2)
    assert logits.dtype == torch.float32
