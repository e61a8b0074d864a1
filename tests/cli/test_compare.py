"""Several configs trained and tested one after another, in one table."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from mplug2.cli import compare, main
from tests.runs import TINY_QA, mplug2


@pytest.mark.slow
def test_two_seeds_in_a_table(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    def here(*arguments: str) -> None:
        assert main([*arguments]) == 0

    monkeypatch.setattr(compare, 'command', here)  # not in processes of their own, for time
    out = tmp_path / 'runs.json'
    words = ['--work-dir', tmp_path, '--seeds', '1', '2', '--out', out, '--cfg-options', 'train_cfg.max_iters=2']
    assert mplug2(mini_home, 'compare', TINY_QA, *words) == 0
    runs = json.loads(out.read_text())
    assert [(run['seed'], run['steps']) for run in runs] == [(1, 2), (2, 2)]
    assert runs[0]['parameters'] == runs[1]['parameters'] > 1000
    header, row = capsys.readouterr().out.strip().splitlines()[-2:]
    assert header.split()[:4] == ['config', 'parameters', 'steps', 'minutes']
    assert row.startswith(TINY_QA)
    assert '(' in row  # the deviation over seeds


def test_one_that_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare.subprocess, 'run', lambda words: subprocess.CompletedProcess(words, 3))
    with pytest.raises(RuntimeError, match=r'mplug2 train nowhere.py --seed 1 failed with exit status 3'):
        compare.command('train', 'nowhere.py', '--seed', '1')


def test_numbers() -> None:
    assert compare.mean_and_deviation([]) == '-'
    assert compare.mean_and_deviation([1.0]) == '1.00'
    assert compare.mean_and_deviation([1.0, 3.0]) == '2.00 (1.41)'
