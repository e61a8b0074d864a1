"""A run that is stopped, by whatever, goes on and ends exactly like one that was not."""

from __future__ import annotations

import errno
import os
import random
import re
import signal
import time
from pathlib import Path

import pytest
import torch

from tests.runs import ROOT, TINY, last_line, logged, mplug2, process, weights

LAST = 'iter_12.pth'


def assert_ends_like(trained: Path, work_dir: Path, since: int) -> None:
    """The same losses from step `since` on, the same weights, the same state of the optimizer."""
    ours, whole = logged(work_dir), logged(trained)
    assert {step: ours[step] for step in range(since, 13)} == {step: whole[step] for step in range(since, 13)}
    ended, expected = (torch.load(folder / LAST, weights_only=True) for folder in (work_dir, trained))
    for key, value in expected['state_dict'].items():
        assert torch.equal(ended['state_dict'][key], value), key
    for index, state in expected['optimizer']['state'].items():
        assert torch.equal(ended['optimizer']['state'][index]['exp_avg_sq'], state['exp_avg_sq'])
    assert ended['param_schedulers'] == expected['param_schedulers']


@pytest.mark.parametrize('workers', [0, 2])
def test_resuming_is_exact_with_any_number_of_workers(mini_home: Path, trained: Path, tmp_path: Path, workers: int) -> None:
    arguments = ['--work-dir', tmp_path, '--resume', trained / 'iter_4.pth']
    options = ['--cfg-options', f'train_dataloader.num_workers={workers}']
    assert mplug2(mini_home, 'train', TINY, *arguments, *options) == 0
    assert_ends_like(trained, tmp_path, since=5)
    assert min(logged(tmp_path)) == 5  # nothing was done twice


def test_a_run_that_is_killed_goes_on_as_if_it_had_not_been(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    script = ROOT / 'tools' / 'train.py'
    run = process(mini_home, script, TINY, '--work-dir', tmp_path, '--cfg-options', 'train_dataloader.num_workers=1')
    try:
        deadline = time.monotonic() + 300
        while not (tmp_path / 'iter_4.pth').exists():
            assert run.poll() is None, run.communicate()[0][-4000:]
            assert time.monotonic() < deadline
            time.sleep(0.005)
        time.sleep(random.uniform(0, 0.2))
    finally:
        run.send_signal(signal.SIGKILL)
        run.communicate()
    done = max(int(file.stem.split('_')[1]) for file in tmp_path.glob('iter_*.pth'))
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--resume') == 0
    resumed = max(file for file in tmp_path.glob('*/*.log')).read_text()
    assert f'resumed at step {done} of 12' in resumed
    assert_ends_like(trained, tmp_path, since=5)
    assert not list(tmp_path.glob('.*.tmp'))  # what the killed process was writing is cleared away


def test_resuming_where_nothing_is_starts_at_the_start(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    options = ['train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--resume', '--cfg-options', *options) == 0
    assert logged(tmp_path)[1] == logged(trained)[1]


def test_a_full_disk_stops_the_run_and_loses_nothing(
    mini_home: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    """The disk is full when the checkpoint of step 8 is flushed."""
    flush = os.fsync

    def full(descriptor: int) -> None:
        if '.iter_8.pth' in os.readlink(f'/proc/self/fd/{descriptor}'):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flush(descriptor)

    monkeypatch.setattr(os, 'fsync', full)
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path) == 1
    message = last_line(capsys)
    assert re.match(
        r'mplug2 train: could not write the checkpoint \S+iter_8\.pth: No space left on device \(\d+ MiB free', message
    )
    assert 'with --resume' in message
    assert sorted(file.name for file in tmp_path.glob('*.pth')) == ['best_CIDEr-D_iter_6.pth', 'iter_4.pth']
    assert not list(tmp_path.glob('.*'))

    monkeypatch.setattr(os, 'fsync', flush)
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--resume') == 0
    assert_ends_like(trained, tmp_path, since=1)


def test_weights_alone_cannot_be_resumed(mini_home: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (best,) = trained.glob('best_*.pth')
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--resume', best) == 1
    assert 'holds weights but no optimizer and no param_schedulers' in last_line(capsys)


def test_another_schedule_cannot_be_resumed(
    mini_home: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ['--work-dir', tmp_path, '--resume', trained / LAST, '--cfg-options', 'param_scheduler=None']
    assert mplug2(mini_home, 'train', TINY, *arguments) == 1
    assert 'was written with 1 parameter schedulers and the config has 0' in last_line(capsys)


def test_loading_starts_from_weights_at_step_one(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    """`load_from` without --resume: fine-tuning."""
    options = ['train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']
    options += [f'load_from={trained / LAST}', 'optim_wrapper.optimizer.lr=0.0']
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--cfg-options', *options) == 0
    assert list(logged(tmp_path)) == [1]
    loaded, expected = weights(tmp_path / 'iter_1.pth'), weights(trained / LAST)
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)
