"""Curves are read from the logs of training and drawn."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

NAME = 'tools/analysis_tools/plot_curves'
RECORDS = [
    dict(step=10, loss=3.0, loss_caption=3.0, lr=0.1),
    dict(step=20, loss=2.0, loss_caption=2.0, lr=0.1),
    {'step': 20, 'CIDEr-D': 0.5, 'loss_caption': 4.0},
]


def log(folder: Path, name: str, records: list[dict]) -> None:
    path = folder / name / 'vis_data/scalars.json'
    path.parent.mkdir(parents=True)
    path.write_text('\n'.join(map(json.dumps, records)) + '\n')


def test_training_and_validation_are_told_apart(script, tmp_path: Path) -> None:
    log(tmp_path, '1', RECORDS)
    read = script(NAME).read_curve
    assert read(tmp_path, 'loss') == ([10, 20], [3.0, 2.0])
    assert read(tmp_path, 'loss_caption') == ([20], [4.0])
    assert read(tmp_path, 'CIDEr-D') == ([20], [0.5])
    assert read(tmp_path, 'lr') == ([10, 20], [0.1, 0.1])
    with pytest.raises(KeyError, match=r'no scalar .accuracy.*CIDEr-D, loss, loss_caption'):
        read(tmp_path, 'accuracy')


def test_a_resumed_run_counts_its_steps_once(script, tmp_path: Path) -> None:
    log(tmp_path, '1', RECORDS)
    log(tmp_path, '2', [dict(step=20, loss=1.5), dict(step=30, loss=1.0)])
    assert script(NAME).read_curve(tmp_path, 'loss') == ([10, 20, 30], [3.0, 1.5, 1.0])


def test_a_image_is_drawn(script, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    log(tmp_path / 'a', '1', RECORDS)
    out = tmp_path / 'images/curves.png'
    words = ['x', str(out), '--run', 'one', str(tmp_path / 'a'), '--key', 'loss', 'CIDEr-D']
    monkeypatch.setattr('sys.argv', words)
    script(NAME).main()
    assert Image.open(out).width > 800
