"""The configs of the embedded benchmark among each other."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplug2.config import load_config

CONFIGS = sorted(path.stem for path in (Path(__file__).parents[2] / 'configs/mini').glob('*.py'))


def test_learning_rates_are_for_the_batch_sizes_that_they_are_used_with() -> None:
    """One process trains them, so --auto-scale-lr changes nothing as long as nobody changes the batch."""
    wrong, seen = {}, 0
    for name in CONFIGS:
        cfg = load_config(f'mini/{name}')
        if not cfg.get('train_dataloader'):
            continue
        seen += 1
        samples = cfg.train_dataloader.batch_size
        if samples is None:  # sources in turn
            sources = cfg.train_dataloader.dataset.sources.values()
            ratios = [source.get('ratio', 1) for source in sources]
            samples = sum(ratio * source.batch_size for ratio, source in zip(ratios, sources, strict=True)) / sum(ratios)
        if cfg.auto_scale_lr.base_batch_size != pytest.approx(samples, abs=0.5):
            wrong[name] = cfg.auto_scale_lr.base_batch_size, samples
    assert seen > 20
    assert not wrong
