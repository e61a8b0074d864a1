"""``mplug2 bench loader`` of a config."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from mplug2.cli import main

CONFIGS = Path(__file__).parents[1] / 'engine'


@pytest.mark.slow
@pytest.mark.parametrize(
    ('config', 'batch', 'samples'),
    [('tiny_captioning', 'batch 4', 4), ('tiny_pretraining', 'batch image 4, video 4, image_questions 4', 8)],
)
def test_the_loader_and_the_step_are_compared(
    config: str, batch: str, samples: int, mini_home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """Also where a step takes two batches of several sources."""
    monkeypatch.chdir(mini_home)
    words = ['bench', 'loader', str(CONFIGS / f'{config}.py'), '--steps', '4']
    assert main([*words, '--cfg-options', 'train_dataloader.num_workers=0']) == 0
    report = capsys.readouterr().out
    assert batch in report
    rates = re.findall(r'(loader alone|training step|both together) +([\d.]+) steps/s +(\d+) samples/s', report)
    assert len(rates) == 3
    for _, steps, found in rates:
        assert float(found) == pytest.approx(samples * float(steps), abs=1 + 0.01 * samples)
