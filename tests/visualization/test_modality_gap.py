"""The gap by hand, the plane against the eigenvectors of the covariance, and an image."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from mplug2.visualization import draw_gap, modality_gap, principal_plane, umap_plane


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


def test_umap_is_asked_for_a_plane_that_repeats(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Plane:
        def __init__(self, **settings: object) -> None:
            assert settings['random_state'] == 0
            assert settings['n_neighbors'] == 9
            assert settings['metric'] == 'cosine'

        def fit_transform(self, points: np.ndarray) -> np.ndarray:
            assert np.allclose(np.linalg.norm(points, axis=1), 1)
            return points[:, :2].astype(np.float32)

    monkeypatch.setitem(sys.modules, 'umap', SimpleNamespace(UMAP=Plane))
    vision, text = torch.randn(5, 3), torch.randn(5, 3)
    flat = umap_plane(vision, text)
    torch.testing.assert_close(flat[1], torch.nn.functional.normalize(text, dim=1)[:, :2])
    assert draw_gap({'ours': (vision, text)}, tmp_path / 'gap.png', projection='umap').is_file()
    monkeypatch.setitem(sys.modules, 'umap', None)
    with pytest.raises(ImportError, match=r'pip install mplug2\[analysis\]'):
        umap_plane(vision, text)


def test_image_is_drawn(tmp_path: Path) -> None:
    torch.manual_seed(0)
    variants = {name: (torch.randn(9, 5), torch.randn(9, 5)) for name in ('with', 'without')}
    path = draw_gap(variants, tmp_path / 'new' / 'gap.png', pairs=4, kind='clip')
    assert path.read_bytes().startswith(b'\x89PNG')
