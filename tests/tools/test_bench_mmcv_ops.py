"""The benchmark of the operators that stand in for a compiled mmcv times those of this environment."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

TOOL = Path(__file__).parents[2] / 'experiments/bench_mmcv_ops.py'


@pytest.mark.slow
def test_it_times_the_operators_that_are_there(script, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = script('experiments/bench_mmcv_ops')

    def small():
        from mmcv.ops import nms

        return lambda: nms(torch.tensor([[0.0, 0.0, 4.0, 4.0], [0.0, 0.0, 4.0, 5.0]]), torch.tensor([0.5, 0.9]), 0.5)

    monkeypatch.setattr(bench, 'CASES', {'nms': (small, 2)})
    found = bench.measure()
    assert found['operators'] in ('PyTorch', 'torchvision', 'compiled mmcv')
    assert found['seconds']['nms'] > 0


@pytest.mark.slow
def test_it_starts_where_nothing_has_supplied_the_operators_before() -> None:
    code = 'import bench_mmcv_ops as bench; bench.CASES = {}; print(bench.measure())'
    done = subprocess.run([sys.executable, '-c', code], cwd=TOOL.parent, capture_output=True, text=True)
    assert "'seconds': {}" in done.stdout, done.stderr
