"""The number formats of the `Inferencer`, by what the shipped model says of noise and of a gradient."""

from __future__ import annotations

import numpy as np
import pytest

from mplug2 import Inferencer
from mplug2.modules import packing


def captions(dtype: str) -> list[tuple[str, float]]:
    generator = np.random.default_rng(0)
    images = [
        generator.integers(0, 256, (64, 64, 3), np.uint8),
        np.tile(np.arange(64, dtype=np.uint8)[:, None, None], (1, 64, 3)),
    ]
    return [(result.text, result.score) for result in Inferencer('mplug2_tiny', dtype=dtype).caption(images)]


def test_low_precision_stays_near_full_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = captions('float32')
    monkeypatch.setattr(packing, 'SMALLEST', 0)
    for dtype, bound in (('float32', 1e-3), ('bfloat16', 0.3), ('int8', 0.3)):
        for (text, score), (true_text, true_score) in zip(captions(dtype), expected, strict=True):
            assert score == pytest.approx(true_score, abs=bound)
            assert dtype != 'float32' or text == true_text


def test_a_format_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="dtype is 'auto', 'int8' or one of float32, bfloat16, float16, not 'int4'"):
        Inferencer('mplug2_tiny', dtype='int4')
