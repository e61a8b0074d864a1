"""A run from start to end: what it leaves, what its options do, and that testing reads it."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from torch.utils.data import DataLoader

from mplug2.checkpoints import best_checkpoint, latest_checkpoint, load_checkpoint
from mplug2.checkpoints.find import write_best
from mplug2.config.load import load_config
from mplug2.engine import CheckpointHook
from mplug2.engine.loggers import visualizer_of
from mplug2.engine.runner import build_runner
from mplug2.modules.encoders.vision import resize_positions
from tests.runs import TINY, TINY_QA, logged, mplug2, weights

pytestmark = pytest.mark.slow


def test_a_run_learns_validates_and_keeps_its_last_and_best_checkpoints(trained: Path) -> None:
    losses = logged(trained)
    assert list(losses) == list(range(1, 13))
    assert losses[12] < losses[1]
    scores = logged(trained, 'CIDEr-D')
    assert list(scores) == [6, 12]  # every val_interval, and at the end
    assert sorted(file.name for file in trained.glob('iter_*')) == ['iter_12.pth', 'iter_4.pth', 'iter_8.pth']
    assert latest_checkpoint(trained) == trained / 'iter_12.pth'
    best = json.loads((trained / 'best.json').read_text())
    assert best['score'] == max(scores.values())
    assert best_checkpoint(trained).name == best['file'] == f'best_CIDEr-D_iter_{best["iter"]}.pth'
    assert not list(trained.glob('.*'))  # no temporary file is left


def test_a_checkpoint_is_plain_data(trained: Path) -> None:
    checkpoint = torch.load(trained / 'iter_12.pth', weights_only=True)
    assert set(checkpoint) == {'meta', 'state_dict', 'message_hub', 'optimizer', 'param_schedulers'}
    assert checkpoint['meta']['iter'] == 12
    assert checkpoint['meta']['seed'] == 0
    assert 'optimizer' not in load_checkpoint(best_checkpoint(trained))


def test_the_log_says_what_a_user_watches(trained: Path) -> None:
    (log,) = trained.glob('*/*.log')
    text = log.read_text()
    line = next(line for line in text.splitlines() if 'Iter(train) [ 5/12]' in line)
    assert all(word in line for word in ('eta:', 'memory:', 'loss:', 'grad_norm:', 'lr:', 'time:', 'data_time:'))
    assert 'paramwise_options' not in text
    assert 'AdamW, learning rate 0.001: ' in text
    model = sum(value.numel() for value in weights(trained / 'iter_12.pth').values())
    counts = next(line for line in text.splitlines() if 'with weight decay' in line).split('learning rate 0.001: ')[1]
    decayed, plain = (int(part.split()[0].replace(',', '')) for part in counts.split(', ', 1))
    assert plain < decayed < model
    assert decayed + plain <= model  # tied weights are one parameter


def test_a_work_directory_is_tested_by_its_best_checkpoint(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    out = tmp_path / 'metrics.json'
    arguments = ['--work-dir', tmp_path / 'work', '--out', out, '--show-dir', tmp_path / 'images']
    arguments += ['--cfg-options', 'test_evaluator.0.out_file=captions.json']
    assert mplug2(mini_home, 'test', TINY, trained, *arguments) == 0
    metrics = json.loads(out.read_text())
    assert {'CIDEr-D', 'BLEU-4', 'exact_match', 'word_accuracy/colour', 'seconds'} <= set(metrics)
    assert all(math.isfinite(value) for value in metrics.values())
    assert (tmp_path / 'images' / 'predictions.png').stat().st_size > 10_000
    assert set(json.loads((tmp_path / 'work/captions.json').read_text())[0]) == {'image_id', 'caption'}
    (log,) = (tmp_path / 'work').glob('*/*.log')
    assert f'loaded {best_checkpoint(trained)}' in log.read_text()


def test_testing_needs_no_training_files(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    """The training and validation annotations may be gone."""
    data = tmp_path / 'data' / 'mini' / 'msrvtt'
    data.mkdir(parents=True)
    for name in ('videos', 'test_videodatainfo.json'):
        (data / name).symlink_to(mini_home / 'data' / 'mini' / 'msrvtt' / name)
    assert mplug2(tmp_path, 'test', TINY, trained / 'iter_12.pth', '--work-dir', tmp_path / 'work') == 0


def test_amp_scaled_rate_and_tensorboard(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    options = ['train_cfg.max_iters=2', 'train_cfg.val_interval=2', 'default_hooks.checkpoint.save_best=None']
    arguments = ['--work-dir', tmp_path, '--amp', '--auto-scale-lr', '--seed', '0', '--logger', 'tensorboard']
    assert mplug2(mini_home, 'train', TINY, *arguments, '--cfg-options', *options) == 0
    assert Config.fromfile(tmp_path / 'tiny_captioning.py').optim_wrapper.dtype == 'bfloat16'
    plain, mixed = logged(trained)[1], logged(tmp_path)[1]
    assert mixed != plain
    assert mixed == pytest.approx(plain, rel=1e-2)
    # The config's rate is for 32 samples a step, and the tiny run takes 4.
    assert logged(tmp_path, 'lr')[1] == pytest.approx(logged(trained, 'lr')[1] * 4 / 32)
    (events,) = tmp_path.glob('**/events.out.tfevents*')
    assert b'loss_caption' in events.read_bytes()
    assert b'val/predictions' in events.read_bytes()


def test_a_logger_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr('mplug2.engine.loggers.find_spec', lambda package: None)
    with pytest.raises(ImportError, match='--logger wandb needs the package wandb, which is not installed: pip install wandb'):
        visualizer_of(['wandb'])


def test_the_rate_is_not_scaled_without_a_base(mini_home: Path, capsys: pytest.CaptureFixture) -> None:
    assert mplug2(mini_home, 'train', TINY, '--auto-scale-lr', '--cfg-options', 'auto_scale_lr=None') == 1
    assert 'auto_scale_lr=dict(base_batch_size=...)' in capsys.readouterr().err


def test_gradients_are_clipped(mini_home: Path, tmp_path: Path) -> None:
    """Plain descent at rate 1 with clipping to 1e-3: the step is as long as the bound, the logged norm is that before it."""
    common = ['train_cfg.max_iters=1', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']
    clipped = ['optim_wrapper.clip_grad.max_norm=1e-3', 'optim_wrapper.optimizer.lr=1.0', 'param_scheduler=None']
    still = ['optim_wrapper.optimizer.lr=0.0', 'param_scheduler=None']
    for name, options in (('clipped', clipped), ('still', still)):
        assert mplug2(mini_home, 'train', TINY_QA, '--work-dir', tmp_path / name, '--cfg-options', *common, *options) == 0
    moved, start = (weights(tmp_path / name / 'iter_1.pth') for name in ('clipped', 'still'))
    step = torch.stack([(moved[key] - start[key]).double().square().sum() for key in start]).sum().sqrt().item()
    assert step == pytest.approx(1e-3, rel=0.02)
    assert logged(tmp_path / 'clipped', 'grad_norm')[1] > 0.1


def test_a_run_stopped_early_keeps_where_it_stopped(mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cfg = load_config(TINY_QA, {'train_cfg.val_interval': 3, 'default_hooks.checkpoint.interval': 100})
    stopping = dict(type='EarlyStoppingHook', monitor='accuracy', rule='greater', patience=0, min_delta=200.0)
    cfg.merge_from_dict(dict(custom_hooks=[stopping], work_dir=str(tmp_path), experiment_name='stopped'))
    monkeypatch.chdir(mini_home)
    build_runner(cfg).train()
    assert [file.name for file in tmp_path.glob('iter_*')] == ['iter_6.pth']


def test_a_fresh_run_forgets_an_old_one(mini_home: Path, trained: Path, tmp_path: Path) -> None:
    """But loses nothing of it. And keeps every checkpoint where MMEngine's -1 asks for that."""
    write_best(tmp_path, dict(file='best_CIDEr-D_iter_99.pth', metric='CIDEr-D', score=1e9, iter=99))
    (tmp_path / 'best_CIDEr-D_iter_99.pth').touch()
    (tmp_path / 'iter_900.pth').touch()
    options = ['train_cfg.max_iters=2', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']
    options += ['default_hooks.checkpoint.interval=1', 'default_hooks.checkpoint.max_keep_ckpts=-1']
    assert mplug2(mini_home, 'train', TINY, '--work-dir', tmp_path, '--cfg-options', *options) == 0
    assert best_checkpoint(tmp_path) is None
    assert sorted(file.name for file in tmp_path.glob('iter_*')) == ['iter_1.pth', 'iter_2.pth']
    old = ['best.json', 'best_CIDEr-D_iter_99.pth', 'iter_900.pth']
    assert sorted(file.name for file in tmp_path.glob('before_*/*')) == old
    with pytest.raises(ValueError, match='max_keep_ckpts is a count from 1 on'):
        CheckpointHook(max_keep_ckpts=0)


def test_schedules_in_epochs_are_followed(mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """MMEngine's default."""
    cfg = load_config(TINY, {'train_cfg.max_iters': 4, 'train_cfg.val_begin': 9, 'default_hooks.checkpoint.save_best': None})
    cfg.param_scheduler = [dict(type='MultiStepLR', milestones=[1, 2], gamma=0.1)]
    cfg.merge_from_dict(dict(work_dir=str(tmp_path), experiment_name='epochs'))
    monkeypatch.chdir(mini_home)
    monkeypatch.setattr(DataLoader, '__len__', lambda self: 1)  # an epoch is a step
    build_runner(cfg).train()
    rates = logged(tmp_path, 'lr')
    assert [rates[step] for step in (1, 2, 3, 4)] == pytest.approx([1e-3, 1e-4, 1e-5, 1e-5])


def test_sharded_weights_and_averages_fit_another_size(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run starts from, and a test takes, a sharded checkpoint of smaller images."""
    monkeypatch.chdir(mini_home)
    small, large = (load_config(TINY, {'model.network.vision_encoder.image_size': size}) for size in (40, 80))
    small.default_hooks.checkpoint.sharded = True
    large.load_from = str(tmp_path / 'small')
    for name, cfg in dict(small=small, large=large).items():
        cfg.merge_from_dict({'train_cfg.max_iters': 1, 'train_cfg.val_begin': 9, 'default_hooks.checkpoint.save_best': None})
        cfg.merge_from_dict(dict(work_dir=str(tmp_path / name), experiment_name=f'resized_{name}'))
        cfg.custom_hooks = [dict(type='AverageWeights')]
        cfg.optim_wrapper.optimizer.lr = 0.0
        build_runner(cfg).train()
    (folder,) = (tmp_path / 'small').glob('*.shards')
    key = 'network.vision_encoder.position_embedding'
    tables = []
    for cfg, checkpoint in ((small, folder), (large, folder), (large, tmp_path / 'large' / 'iter_1.pth')):
        cfg.merge_from_dict(dict(load_from=str(checkpoint), experiment_name=f'tested_{len(tables)}', train_cfg=None))
        for name in ('train_dataloader', 'optim_wrapper', 'param_scheduler', 'val_cfg', 'val_dataloader', 'val_evaluator'):
            cfg[name] = None
        runner = build_runner(cfg)
        runner.test()
        tables.append(runner.bare_model.state_dict()[key])
    expected = resize_positions(tables[0], (round((len(tables[1]) - 1) ** 0.5),) * 2, 'bilinear')
    assert tables[0].shape != tables[1].shape
    assert torch.equal(tables[1], expected)
    assert torch.equal(tables[2], expected)
