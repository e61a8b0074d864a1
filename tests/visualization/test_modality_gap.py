"""The gap by hand, the plane against the eigenvectors of the covariance, and an image."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from mplug2.visualization import draw_gap, modality_gap, principal_plane


def test_gap_by_hand() -> None:
    vision = torch.tensor([[2.0, 0, 0], [0, 3, 0]])  # lengths do not count
    text = torch.tensor([[0.0, 0, 1], [0, 1, 0]])
    found = modality_gap(vision, text)
    assert found['modality_gap'] == pytest.approx((0.5**2 + 0.5**2) ** 0.5)  # centres (.5, .5, 0) and (0, .5, .5)
    assert found['pair_distance'] == pytest.approx(2**0.5 / 2)  # the first pair is sqrt(2) apart, the second together
    assert found['other_distance'] == pytest.approx(2**0.5)
    assert modality_gap(vision, vision)['modality_gap'] == 0
    assert modality_gap(vision[:1].repeat(2, 1), -vision[:1].repeat(2, 1))['modality_gap'] == pytest.approx(2)


def test_what_is_no_set_of_pairs_is_refused() -> None:
    with pytest.raises(ValueError, match='3 of vision and 2 of text'):
        modality_gap(torch.ones(3, 4), torch.ones(2, 4))
    with pytest.raises(ValueError, match='two or more pairs'):
        modality_gap(torch.ones(1, 4), torch.ones(1, 4))


def test_plane_holds_the_most_variance() -> None:
    torch.manual_seed(0)
    vision, text = torch.randn(40, 6) + 1, torch.randn(40, 6) - 1
    flat = torch.cat(principal_plane(vision, text)).numpy()
    units = np.concatenate([torch.nn.functional.normalize(side.double(), dim=1).numpy() for side in (vision, text)])
    largest = np.linalg.eigvalsh(np.cov(units.T, bias=True))[::-1][:2]
    np.testing.assert_allclose(flat.var(0), largest, rtol=1e-9)
    np.testing.assert_allclose(flat.mean(0), 0, atol=1e-12)
    assert all(column[np.abs(column).argmax()] > 0 for column in flat.T)


def test_image_is_drawn(tmp_path: Path) -> None:
    torch.manual_seed(0)
    variants = {name: (torch.randn(9, 5), torch.randn(9, 5)) for name in ('with', 'without')}
    path = draw_gap(variants, tmp_path / 'new' / 'gap.png', pairs=4, kind='clip')
    assert path.read_bytes().startswith(b'\x89PNG')
