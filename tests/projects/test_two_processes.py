"""A project trains in two processes as in one."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.testing import assert_close

from tests.runs import ROOT, mplug2, two_processes, weights

pytestmark = pytest.mark.distributed

CONFIG = ROOT / 'tests' / 'projects' / 'tiny_clip.py'


def test_two_processes_contrast_the_pairs_of_both(mini_home: Path, tmp_path: Path) -> None:
    one, two = tmp_path / 'one', tmp_path / 'two'
    assert mplug2(mini_home, 'train', CONFIG, '--work-dir', one) == 0
    train = [ROOT / 'tools' / 'train.py', CONFIG, '--work-dir', two, '--launcher', 'pytorch']
    two_processes(mini_home, *train, '--cfg-options', 'train_dataloader.batch_size=2')
    ours, expected = weights(two / 'iter_2.pth'), weights(one / 'iter_2.pth')
    assert 'tasks.retrieval.head.logit_scale' in expected
    for key, value in expected.items():
        assert_close(ours[key], value, rtol=1e-4, atol=1e-6, msg=key)
