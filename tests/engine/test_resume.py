"""A run that is stopped, by whatever, goes on and ends exactly like one that was not."""

from __future__ import annotations

import errno
import os
import random
import re
import shutil
import signal
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from mmengine.hooks import Hook

from mplug2.checkpoints import CheckpointError, best_checkpoint, latest_checkpoint
from mplug2.checkpoints.find import write_best
from mplug2.config.load import load_config
from mplug2.engine import checkpointer
from mplug2.engine.loops import train as loops
from mplug2.engine.runner import build_runner
from mplug2.registry import HOOKS
from tests.runs import ROOT, TINY, last_line, logged, mplug2, process, weights

pytestmark = pytest.mark.slow

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
    (log,) = tmp_path.glob('*/*.log')
    assert 'resuming with' not in log.read_text()


def test_a_resumed_run_takes_the_rate_scaled_for_its_samples(mini_home: Path, tmp_path: Path) -> None:
    """The config's rate is for 32 samples a step, and the runs take 4."""
    common = ['--cfg-options', 'param_scheduler.0.eta_min=0', 'train_cfg.val_begin=99']
    saved = dict(interval=2, max_keep_ckpts=None, save_best=None)
    common += [f'default_hooks.checkpoint.{key}={value}' for key, value in saved.items()]
    plain, scaled, again = (tmp_path / name for name in ('plain', 'scaled', 'again'))

    def rates(folder: Path, *arguments: str | Path) -> dict[int, float]:
        assert mplug2(mini_home, 'train', TINY, '--work-dir', folder, *arguments, *common) == 0
        return logged(folder, 'lr')

    wanted = rates(plain)
    found = rates(scaled, '--resume', plain / 'iter_4.pth', '--auto-scale-lr')
    assert found == {step: pytest.approx(rate * 4 / 32) for step, rate in wanted.items() if step > 4}
    (scaled / 'iter_12.pth').unlink()  # as of a job that is queued again: nothing is scaled twice
    assert rates(scaled, '--resume', '--auto-scale-lr') == pytest.approx(found)
    assert rates(again, '--resume', scaled / 'iter_10.pth') == {step: pytest.approx(wanted[step]) for step in (11, 12)}


def test_processes_that_draw_from_seeds_of_their_own_are_refused(mini_home: Path, tmp_path: Path) -> None:
    cfg = load_config(TINY)
    cfg.merge_from_dict(dict(work_dir=str(tmp_path), randomness=dict(seed=0, diff_rank_seed=True)))
    with pytest.raises(ValueError, match=r'randomness\.diff_rank_seed: processes share one seed'):
        build_runner(cfg)


def test_going_back_sets_later_steps_aside(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    for name in ('iter_40.pth', 'iter_4.pth', 'best_CIDEr-D_iter_36.pth'):
        shutil.copy(trained / 'iter_4.pth', tmp_path / name)
    write_best(tmp_path, dict(file='best_CIDEr-D_iter_36.pth', metric='CIDEr-D', score=1e9, iter=36))
    arguments = ['--work-dir', tmp_path, '--resume', tmp_path / 'iter_4.pth']
    assert mplug2(mini_home, 'train', TINY, *arguments, '--cfg-options', 'default_hooks.checkpoint.max_keep_ckpts=1') == 0
    assert [file.name for file in tmp_path.glob('iter_*')] == ['iter_12.pth']
    old = ['best.json', 'best_CIDEr-D_iter_36.pth', 'iter_40.pth']
    assert sorted(file.name for file in tmp_path.glob('before_*/*')) == old
    assert best_checkpoint(tmp_path).name != old[1]
    assert latest_checkpoint(tmp_path) == tmp_path / 'iter_12.pth'


@pytest.mark.parametrize(
    ('other', 'second'),
    [((False, None, 'no file'), 'none'), ((True, '{0}', '3 bytes'), r'.*iter_4\.pth \(3 bytes\)')],
    ids=['none', 'another of its name'],
)
def test_processes_that_see_other_checkpoints_do_not_start(
    mini_home: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: tuple, second: str
) -> None:
    cfg = load_config(TINY)
    cfg.merge_from_dict(dict(work_dir=str(tmp_path), load_from=str(trained / 'iter_4.pth'), resume=True))
    monkeypatch.chdir(mini_home)
    other = (other[0], other[1] and other[1].format(trained / 'iter_4.pth'), other[2])
    monkeypatch.setattr(checkpointer, 'all_gather_object', lambda mine: [mine, mine, other])
    expected = rf'Ranks disagree on the checkpoint: rank 0 found .*iter_4\.pth \(\d+ bytes\), rank 2 found {second}\. Put'
    with pytest.raises(CheckpointError, match=expected):
        build_runner(cfg).train()


def test_processes_that_read_other_data_do_not_train(mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = load_config(TINY)
    cfg.merge_from_dict(dict(work_dir=str(tmp_path)))
    monkeypatch.chdir(mini_home)
    monkeypatch.setattr(loops, 'all_gather_object', lambda mine: [mine, mine | dict(size=mine['size'] - 1)])
    with pytest.raises(ValueError, match=r"process 0 .*'size'.* and process 1 .*'size'.* would train: put the data on"):
        build_runner(cfg).train()


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


def test_resuming_where_nothing_is_starts_from_what_the_config_loads(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    """As the launcher of Slurm starts every run."""
    options = ['train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']
    options += [f'load_from={trained}', 'optim_wrapper.optimizer.lr=0.0']
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--resume', '--cfg-options', *options) == 0
    loaded, expected = weights(tmp_path / 'iter_1.pth'), weights(best_checkpoint(trained))
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)
    (log,) = tmp_path.glob('*/*.log')
    assert f'nothing to resume in {tmp_path}' in log.read_text()


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


@pytest.mark.parametrize('damage', ['truncated', 'empty', 'changed'])
def test_a_damaged_latest_checkpoint_is_passed_over(mini_home: Path, trained: Path, tmp_path: Path, damage: str) -> None:
    for step in (4, 8):
        shutil.copy(trained / f'iter_{step}.pth', tmp_path)
    latest = tmp_path / 'iter_8.pth'
    content = bytearray(latest.read_bytes())
    if damage == 'changed':
        content[len(content) // 2] ^= 1
    latest.write_bytes(content[: dict(truncated=len(content) // 2, empty=0, changed=None)[damage]])
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--resume') == 0
    assert_ends_like(trained, tmp_path, since=5)
    (log,) = tmp_path.glob('*/*.log')
    assert re.search(rf'cannot read the checkpoint {latest}: .*; going back to {tmp_path}/iter_4\.pth', log.read_text())


def test_a_folder_is_resumed_from_its_latest_checkpoint(
    mini_home: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    """And not from its best, which has no state of the training."""
    assert best_checkpoint(trained) is not None
    options = ['--cfg-options', 'train_cfg.max_iters=13', 'train_cfg.val_begin=99', 'default_hooks.checkpoint.save_best=None']
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path / 'run', '--resume', trained, *options) == 0
    assert list(logged(tmp_path / 'run')) == [13]
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path / 'run', '--resume', tmp_path) == 1
    assert last_line(capsys) == f'mplug2 train: nothing to resume in {tmp_path}: there is no iter_*.pth'


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


def test_settings_of_the_checkpoint_stay_in_use_and_other_parameters_are_refused(
    mini_home: Path, trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    arguments = ['--work-dir', tmp_path, '--resume', trained / 'iter_4.pth', '--cfg-options', 'train_cfg.max_iters=5']
    arguments += ['train_cfg.val_begin=99', 'default_hooks.checkpoint.save_best=None']
    assert mplug2(mini_home, 'train', TINY, *arguments, 'optim_wrapper.optimizer.lr=0.0001') == 0
    assert logged(tmp_path, 'lr')[5] == logged(trained, 'lr')[5]
    (log,) = tmp_path.glob('*/*.log')
    assert 'resuming with another learning rate: 0.001 before, 0.0001 in the config; the former stays' in log.read_text()
    assert mplug2(mini_home, 'train', TINY, *arguments, 'model.frozen=[fusion]') == 1
    assert re.search(r'other trained parameters: \d+ that are not trained now \(network\.fusion\.', last_line(capsys))


def test_loading_starts_from_weights_at_step_one(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    """`load_from` without --resume: fine-tuning."""
    options = ['train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']
    options += [f'load_from={trained / LAST}', 'optim_wrapper.optimizer.lr=0.0']
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--cfg-options', *options) == 0
    assert list(logged(tmp_path)) == [1]
    loaded, expected = weights(tmp_path / 'iter_1.pth'), weights(trained / LAST)
    assert all(torch.equal(loaded[key], expected[key]) for key in expected)


@HOOKS.register_module()
class SignalAtStep(Hook):
    """Sends this process a signal after a step."""

    def __init__(self, number: int, step: int) -> None:
        self.number, self.step = number, step

    def before_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None) -> None:
        if batch_idx + 1 == self.step:
            os.kill(os.getpid(), self.number)


def test_a_signal_stops_a_run_in_good_order(
    mini_home: Path, trained: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mini_home)
    monkeypatch.setenv('MPLUG2_STOPPED', str(tmp_path / 'stopped'))
    before = signal.getsignal(signal.SIGTERM)
    cfg = load_config(TINY, {'default_hooks.checkpoint.interval': 100, 'train_cfg.val_interval': 100})
    cfg.merge_from_dict(dict(work_dir=str(tmp_path), experiment_name='signalled'))
    cfg.custom_hooks = [dict(type='SignalAtStep', number=signal.SIGTERM, step=5)]
    build_runner(cfg).train()
    assert signal.getsignal(signal.SIGTERM) is before
    assert [file.name for file in tmp_path.glob('*.pth')] == ['iter_5.pth']  # and no validation
    (tmp_path / 'stopped').unlink()  # the launcher has seen it
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--resume', '--cfg-options', 'train_cfg.val_begin=7') == 0
    assert not (tmp_path / 'stopped').exists()
    assert_ends_like(trained, tmp_path, since=1)


def test_a_resume_tells_of_another_batch_size(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    """And a schedule that would begin after the end of the run is left out."""
    options = ['train_dataloader.batch_size=2', 'train_cfg.max_iters=5', 'train_cfg.val_begin=9', 'param_scheduler.0.begin=5']
    arguments = ['--work-dir', tmp_path, '--cfg-options', *options, 'default_hooks.checkpoint.save_best=None']
    checkpoint = torch.load(trained / 'iter_4.pth', weights_only=True)
    checkpoint['param_schedulers'] = []
    torch.save(checkpoint, tmp_path / 'iter_4.pth')
    assert mplug2(mini_home, 'train', TINY, '--resume', *arguments) == 0
    (log,) = tmp_path.glob('*/*.log')
    content = log.read_text()
    assert '1 process with 4 samples each before, 1 process with 2 samples each now; the stream of samples goes on' in content
    assert 'CosineAnnealingLR of param_scheduler is left out: it begins after 5 steps, and the run has 5' in content
