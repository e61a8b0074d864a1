"""Checkpoint files on their own."""

from __future__ import annotations

import os
import pickle
import resource
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

from mplug2.checkpoints import (
    CheckpointError,
    Policy,
    best_checkpoint,
    latest_checkpoint,
    load,
    load_checkpoint,
    save_checkpoint,
)
from mplug2.checkpoints.errors import DamagedCheckpointError
from mplug2.checkpoints.find import write_best
from mplug2.checkpoints.sharded import save_sharded
from mplug2.checkpoints.state import message_hub_state, restore_message_hub, to_plain_data
from mplug2.engine import logs
from mplug2.engine.hooks.checkpoint import CheckpointHook


class Gadget:
    """Something that only unpickling could bring back."""


def test_plain_keeps_data_and_drops_objects() -> None:
    made = to_plain_data(
        {'a': np.float32(2), 'b': (1, [Gadget()]), 'c': torch.ones(2, requires_grad=True), 'd': 'x', 'e': None}
    )
    assert made['a'] == 2
    assert type(made['a']) is float
    assert made['b'] == (1, [None])
    assert not made['c'].requires_grad


def test_a_message_hub_comes_back(tmp_path: Path) -> None:
    hub, other = (MessageHub.get_instance(f'{tmp_path.name}-{number}') for number in range(2))
    for value in (3.0, 1.0, 2.0):
        hub.update_scalar('train/loss', value)
    hub.update_scalar('train/time', 9.0, resumed=False)
    hub.update_info('validated_iter', 7)
    hub.update_info('gadget', Gadget())
    save_checkpoint(dict(hub=message_hub_state(hub)), tmp_path / 'hub.pth')
    restore_message_hub(other, load_checkpoint(tmp_path / 'hub.pth')['hub'])
    assert other.get_scalar('train/loss').mean(3) == 2
    assert 'train/time' not in other.log_scalars
    assert other.get_info('validated_iter') == 7
    other.update_scalar('train/loss', 4.0)  # a buffer that goes on
    assert other.get_scalar('train/loss').current() == 4


def test_the_history_of_a_scalar_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, 'HISTORY', 100)
    hub, scalars = MessageHub.get_instance(tmp_path.name), logs.DeviceScalarBuffer()
    for step in range(250):
        scalars.add({'train/loss': torch.tensor(float(step))})
        hub.update_scalar('train/lr', step)  # as MMEngine's hooks do
        scalars.flush(hub)
    for key in ('train/loss', 'train/lr'):
        history = hub.get_scalar(key)
        assert len(history.data[0]) == 100
        assert history.mean(50) == pytest.approx(224.5)


def test_the_latest_checkpoint_is_that_after_most_steps(tmp_path: Path) -> None:
    for name in ('iter_1000.pth', 'iter_900.pth', 'best_accuracy_iter_2000.pth', 'iter_last.pth'):
        (tmp_path / name).touch()
    assert latest_checkpoint(tmp_path) == tmp_path / 'iter_1000.pth'
    (tmp_path / 'iter_1100.shards').mkdir()
    assert latest_checkpoint(tmp_path) == tmp_path / 'iter_1100.shards'


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    """The operating system refuses to write on at 64 kB, as a full disk would."""
    path = tmp_path / 'iter_1.pth'
    save_checkpoint({'state_dict': {'w': torch.ones(8)}}, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64_000, hard))
    try:
        with pytest.raises(CheckpointError, match=r'could not write the checkpoint .*iter_1\.pth: .*MiB free there'):
            save_checkpoint({'state_dict': {'w': torch.zeros(100_000)}}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert torch.equal(load_checkpoint(path)['state_dict']['w'], torch.ones(8))
    assert [file.name for file in tmp_path.iterdir()] == ['iter_1.pth']


def test_objects_are_not_unpickled(tmp_path: Path) -> None:
    torch.save({'state_dict': {}, 'gadget': Gadget()}, tmp_path / 'bad.pth')
    for read in (load_checkpoint, CheckpointLoader.load_checkpoint):  # MMEngine's own initialisers use the second
        with pytest.raises(CheckpointError, match='holds Python objects beside tensors and numbers'):
            read(str(tmp_path / 'bad.pth'))


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / 'iter_3.pth'
    save_checkpoint({'state_dict': {'w': torch.ones(1000)}}, path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(CheckpointError, match=r'iter_3\.pth: it is damaged'):
        load_checkpoint(path)
    path.write_bytes(b'')
    with pytest.raises(CheckpointError, match='the file is empty'):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps(Gadget))
    with pytest.raises(CheckpointError, match=r'iter_3\.pth'):
        load_checkpoint(path)
    with pytest.raises(CheckpointError, match=r'no checkpoint .*iter_4\.pth; there are iter_3\.pth'):
        load_checkpoint(tmp_path / 'iter_4.pth')


def test_weights_load_all_or_not_at_all() -> None:
    model = nn.Sequential(nn.Linear(2, 3), nn.Linear(3, 1))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    state = {f'module.{key}': value + 1 for key, value in before.items()}
    load(model, state, Policy.RESUME)
    assert torch.equal(model[0].weight, before['0.weight'] + 1)
    wrong = {'0.weight': torch.zeros(3, 2), '0.bias': torch.zeros(4), '1.weight': torch.zeros(1, 3), 'more': torch.zeros(1)}
    with pytest.raises(CheckpointError) as caught:
        load(model, wrong, Policy.RESUME, name='iter_9.pth')
    message = str(caught.value)
    assert 'the weights of iter_9.pth do not fit the model' in message
    assert '1 missing from the file, such as 1.bias' in message
    assert '1 unknown to the model, such as more' in message
    assert '0.bias ((4,) in the file, (3,) in the model)' in message
    assert torch.equal(model[0].weight, before['0.weight'] + 1)


def test_latest_and_best_of_a_folder(tmp_path: Path) -> None:
    assert latest_checkpoint(tmp_path) is None
    assert best_checkpoint(tmp_path) is None
    for number in (10, 9):  # in this order, as a copy of a folder may be written
        save_checkpoint({}, tmp_path / f'iter_{number}.pth')
    assert latest_checkpoint(tmp_path).name == 'iter_10.pth'
    write_best(tmp_path, dict(file='best_x_iter_9.pth', metric='x', score=1.0, iter=9))
    assert best_checkpoint(tmp_path) is None  # noted, but gone
    save_checkpoint({}, tmp_path / 'best_x_iter_9.pth')
    assert best_checkpoint(tmp_path).name == 'best_x_iter_9.pth'


def test_an_earlier_best_stays_where_a_later_one_was_not_noted(tmp_path: Path) -> None:
    """Killed between writing the best checkpoint of step 8 and noting it; resumed from step 6."""
    for number in (4, 8):
        save_checkpoint({}, tmp_path / f'best_x_iter_{number}.pth')
    write_best(tmp_path, dict(file='best_x_iter_4.pth', metric='x', score=1.0, iter=4))
    runner = SimpleNamespace(work_dir=str(tmp_path), iter=6, timestamp='now', logger=MMLogger.get_current_instance())
    CheckpointHook().before_train(runner)
    assert best_checkpoint(tmp_path).name == 'best_x_iter_4.pth'
    assert [path.name for path in (tmp_path / 'before_now').iterdir()] == ['best_x_iter_8.pth']


@pytest.mark.parametrize('step', [3, 2])
def test_a_checkpoint_that_goes_is_never_there_by_half(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """Killed while an old sharded checkpoint goes because a third one came, or because it is written anew."""

    def save(folder: str, name: str, meta: dict) -> None:
        save_sharded(meta, {'w': torch.ones(2)}, {}, None, Path(folder) / name)

    runner = SimpleNamespace(work_dir=str(tmp_path), iter=0, save_checkpoint=save)
    hook = CheckpointHook(max_keep_ckpts=2, sharded=True)
    for number in (1, 2):
        hook._save(runner, number)
    remove = os.unlink

    def killed(path: str, *, dir_fd: int | None = None) -> None:
        remove(path, dir_fd=dir_fd)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(os, 'unlink', killed)
        with pytest.raises(KeyboardInterrupt):
            hook._save(runner, step)
    assert (tmp_path / f'iter_{step}.shards').is_dir()
    for path in tmp_path.glob('iter_*'):
        assert sorted(file.name.partition('-')[0] for file in path.iterdir()) == ['shard', 'training.pth'], path
    runner.iter = step
    hook.before_train(runner)
    assert not list(tmp_path.glob('.*'))


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-1])


def _flip(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


@pytest.mark.parametrize(
    ('name', 'damage'),
    [(name, damage) for name in ('shard-*.safetensors', 'training.pth') for damage in (_cut, Path.unlink)]
    + [('shard-*.safetensors', _flip)],
)
def test_a_damaged_sharded_checkpoint_is_told(tmp_path: Path, name: str, damage: Callable[[Path], None]) -> None:
    """Resuming then goes back to the one before."""
    model = nn.Linear(2, 2)
    save_sharded(dict(meta=dict(iter=1)), model.state_dict(), {}, None, tmp_path / 'iter_1.shards')
    (file,) = (tmp_path / 'iter_1.shards').glob(name)
    load(model, tmp_path / 'iter_1.shards', Policy.RESUME)
    assert load_checkpoint(tmp_path / 'iter_1.shards')['state_dict'].keys() == {'weight', 'bias'}
    damage(file)
    for read in (load_checkpoint, lambda path: load(model, path, Policy.RESUME)):
        with pytest.raises(DamagedCheckpointError, match=r'iter_1\.shards'):
            read(tmp_path / 'iter_1.shards')
