"""Pre-training over many sources: resumed, distributed and stripped runs against whole ones."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.hooks import Hook

from mplug2.config.load import load_config
from mplug2.engine import NonFiniteError
from mplug2.engine.parallel.processes import leave_processes
from mplug2.engine.runner import Runner, build_runner
from mplug2.registry import HOOKS
from tests.runs import ROOT, free_port, logged, weights

pytestmark = pytest.mark.slow

TINY = ROOT / 'tests' / 'engine' / 'tiny_pretraining.py'
LAST = 'iter_8.pth'


def train(
    home: Path, work_dir: Path, resume: Path | None = None, launcher: str = 'none', parallel: str | None = None, **options
) -> None:
    """Train the tiny config in this process; double underscores in the names of options stand for dots."""
    cfg = load_config(TINY, {key.replace('__', '.'): value for key, value in options.items()})
    cfg.work_dir, cfg.launcher, cfg.parallel, cfg.log_level = str(work_dir), launcher, parallel, 'ERROR'
    cfg.experiment_name = f'pretraining_{time.time_ns()}'
    if resume is not None:
        cfg.resume, cfg.load_from = True, str(resume)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(home)
        build_runner(cfg).train()


@pytest.fixture(scope='module')
def whole(mini_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The work directory of an unbroken run of 8 steps of two sources each."""
    folder = tmp_path_factory.mktemp('whole')
    train(mini_home, folder)
    return folder


def scalars(folder: Path) -> Iterator[tuple[str, dict[int, float]]]:
    for key in (
        'loss',
        'image/retrieval/loss_contrastive',
        'video/retrieval/loss_matching',
        'video/mlm/loss_fused',
        'text/mlm/loss_text',
        'text/completion/loss_completion',
        'image_questions/image_answering/loss_answer',
        'video/video_captioning/loss_caption',
    ):
        yield key, logged(folder, key)


def test_every_objective_is_logged_by_source(whole: Path) -> None:
    for key, values in scalars(whole):
        assert values, key
    assert list(logged(whole)) == list(range(1, 9))
    meta = torch.load(whole / LAST, weights_only=True)['meta']
    assert meta['batch_size'] == dict.fromkeys(NAMES, 4)
    assert (meta['schedule']['batches_per_step'], sum(meta['schedule']['slots'].values())) == (2, 8)


@pytest.mark.parametrize('workers', [0, 2])
def test_resuming_is_exact_with_any_number_of_workers(mini_home: Path, whole: Path, tmp_path: Path, workers: int) -> None:
    train(mini_home, tmp_path, whole / 'iter_4.pth', train_dataloader__num_workers=workers)
    found, expected = logged(tmp_path), logged(whole)
    assert found == {step: expected[step] for step in range(5, 9)}
    ended, goal = (torch.load(folder / LAST, weights_only=True) for folder in (tmp_path, whole))
    for key, value in goal['state_dict'].items():  # network, heads, momentum encoder and queues
        assert torch.equal(ended['state_dict'][key], value), key
    assert any('queue' in key for key in goal['state_dict'])
    assert any('momentum_encoder' in key for key in goal['state_dict'])
    for index, state in goal['optimizer']['state'].items():
        assert torch.equal(ended['optimizer']['state'][index]['exp_avg_sq'], state['exp_avg_sq'])
    assert ended['param_schedulers'] == goal['param_schedulers']


# Matching draws negatives from the batch of each process; all else is of the batch of all processes.
SAME = dict(
    model__network__text_encoder__dropout=0.0,
    model__network__universal__dropout=0.0,
    model__network__fusion__dropout=0.0,
    model__network__decoder__dropout=0.0,
    model__tasks__retrieval__matching__weight=0.0,
    train_cfg__max_iters=5,
    train_cfg__val_begin=5,
    train_cfg__val_interval=5,
    default_hooks__checkpoint__save_best=None,
    default_hooks__checkpoint__interval=2,
    default_hooks__checkpoint__max_keep_ckpts=None,
    # Where a gradient is all but zero, Adam would make a whole step of a rounding error.
    optim_wrapper__optimizer__eps=1e-4,
)
NAMES = ('image', 'video', 'image_questions', 'video_questions', 'text')


def in_order(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """With the features that each step put into a queue in the order of their ids: processes put theirs one after the other."""
    for name in [key.removesuffix('.ids') for key in state if key.endswith('_queue.ids')]:
        ids, features = state[f'{name}.ids'].view(-1, 4), state[f'{name}.features']
        order = ids.argsort(1)
        state[f'{name}.ids'] = ids.gather(1, order)
        state[f'{name}.features'] = torch.cat([rows[place] for rows, place in zip(features.split(4), order, strict=True)])
    return state


@HOOKS.register_module()
class HappensAtStep(Hook):
    """Makes the losses of some steps not a number, or kills the process in the middle of one; of one process."""

    def __init__(self, rank: int = 0, poisoned: tuple[int, ...] = (), killed: int | None = None) -> None:
        self.rank, self.poisoned, self.killed = rank, poisoned, killed

    def before_train(self, runner: Runner) -> None:
        self._step = 0
        if runner.rank == self.rank:
            runner.bare_model.network.text_encoder.register_forward_hook(self._poison)

    def _poison(self, module: torch.nn.Module, inputs: tuple, encoded: torch.Tensor) -> torch.Tensor | None:
        return encoded * torch.nan if self._step in self.poisoned and module.training else None

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        self._step = batch_idx + 1
        if runner.rank == self.rank and self._step == self.killed:
            os.kill(os.getpid(), signal.SIGKILL)


def work(
    rank: int, home: Path, folder: Path, port: int, parallel: str, count: int, resume: Path | None, options: dict[str, Any]
) -> None:
    place = dict(RANK=str(rank), LOCAL_RANK=str(rank), WORLD_SIZE=str(count))
    os.environ.update(place, MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
    torch.set_num_threads(1)
    shares = {f'train_dataloader__dataset__sources__{name}__batch_size': 4 // count for name in NAMES}
    train(home, folder, resume, launcher='pytorch', parallel=parallel, **SAME | shares | options)
    leave_processes()


def train_together(home: Path, folder: Path, parallel: str, count: int, resume: Path | None = None, **options: Any) -> None:
    """Train the tiny config in several processes, which share out each source's batch."""
    arguments = (home, folder, free_port(), parallel, count, resume, options)
    mp.start_processes(work, arguments, nprocs=count, start_method='fork')


def assert_trained_alike(folder: Path, alone: Path, since: int = 1, matching: bool = False) -> None:
    for (key, whole), (_, found) in zip(scalars(alone), scalars(folder), strict=True):
        assert bool(whole) == (matching or 'matching' not in key), key
        expected = {step: value for step, value in whole.items() if step >= since}
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-5), key
    ours, expected = (in_order(weights(one / 'iter_5.pth')) for one in (folder, alone))
    for key, value in expected.items():
        torch.testing.assert_close(ours[key], value, rtol=1e-5, atol=1e-5, msg=lambda text, key=key: f'{key}: {text}')
    assert len(expected) == len(ours)


@pytest.fixture(scope='module')
def alone(mini_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of one process."""
    folder = tmp_path_factory.mktemp('alone')
    train(mini_home, folder, **SAME)
    return folder


@pytest.mark.distributed
@pytest.mark.parametrize('count', [2, 4])
@pytest.mark.parametrize('parallel', ['replicate', 'shard'])
def test_processes_train_as_one(mini_home: Path, alone: Path, tmp_path: Path, parallel: str, count: int) -> None:
    """Sources that leave different parameters out, two a step: losses, weights, momentum encoder and queues of the same global
    batch."""
    train_together(mini_home, tmp_path, parallel, count)
    assert_trained_alike(tmp_path, alone)


def other_half(similarity: torch.Tensor, positives: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """In place of `hard_negatives`: of four samples, and of the two of each of two processes, the same one."""
    count = len(similarity)
    drawn = torch.arange(count).roll(count // 2)
    return drawn, ~positives[torch.arange(count), drawn]


@pytest.mark.distributed
@pytest.mark.parametrize(
    'options',
    [
        dict(model__tasks__retrieval__matching__weight=1.0),
        dict(model__tasks__retrieval__contrastive=dict(type='InBatchContrast', _delete_=True)),
    ],
    ids=['matching', 'contrast of the batch, without a momentum encoder'],
)
def test_two_processes_train_as_one_by_other_losses(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict
) -> None:
    monkeypatch.setattr('mplug2.objectives.matching.hard_negatives', other_half)
    train(mini_home, tmp_path / 'one', **SAME | options)
    for parallel in ('replicate', 'shard'):
        train_together(mini_home, tmp_path / parallel, parallel, 2, **options)
        assert_trained_alike(
            tmp_path / parallel, tmp_path / 'one', matching='model__tasks__retrieval__matching__weight' in options
        )


@pytest.mark.distributed
def test_it_is_validated_by_retrieval_and_by_masked_words(mini_home: Path, alone: Path, tmp_path: Path) -> None:
    """After the last step, by one process and by two that share out the clips."""
    train_together(mini_home, tmp_path, 'shard', 2)
    for key, near in (('mlm/loss_text', 0.02), ('mlm/loss_fused', 0.02), ('dual_text_to_video_R@mean', 1e-6)):
        ((step, expected),) = logged(alone, key).items()  # of training it is logged by source
        assert (step, expected > 0) == (5, True)
        assert logged(tmp_path, key) == {5: pytest.approx(expected, rel=near)}
    assert {**logged(alone, 'mlm/accuracy_text'), **logged(alone, 'mlm/accuracy_fused')}.keys() == {5}


@pytest.mark.distributed
def test_a_process_is_killed_and_all_go_on_as_if_it_had_not_been(mini_home: Path, alone: Path, tmp_path: Path) -> None:
    """Weights are sharded, checkpoints first of each process's part; momentum encoder, queues and every source's stream go
    on."""
    saved = {'default_hooks__checkpoint__sharded': True, '+custom_hooks': [dict(type='HappensAtStep', rank=1, killed=5)]}
    with pytest.raises(mp.ProcessExitedException, match='SIGKILL'):
        train_together(mini_home, tmp_path, 'shard', 2, **saved)
    assert sorted(path.name for path in tmp_path.glob('iter_*')) == ['iter_2.shards', 'iter_4.shards']
    train_together(mini_home, tmp_path, 'shard', 2, resume=tmp_path / 'iter_4.shards')
    assert_trained_alike(tmp_path, alone)


@pytest.mark.distributed
def test_a_loss_that_is_no_number_is_left_out_by_all(mini_home: Path, alone: Path, tmp_path: Path) -> None:
    """Of process 1 alone, in steps 3 and 4: both come through them with the weights of step 2, and go on."""
    bad = [dict(type='HappensAtStep', rank=1, poisoned=(3, 4))]
    train_together(mini_home, tmp_path, 'replicate', 2, **{'+custom_hooks': bad})
    before, after, end = (torch.load(tmp_path / f'iter_{step}.pth', weights_only=True) for step in (2, 4, 5))
    moved = [key for key, value in before['state_dict'].items() if key.startswith('network.')]
    assert all(torch.equal(after['state_dict'][key], before['state_dict'][key]) for key in moved)
    assert all(value.isfinite().all() for value in end['state_dict'].values() if value.is_floating_point())
    assert not all(torch.equal(end['state_dict'][key], before['state_dict'][key]) for key in moved)
    steps = {state['step'].item() for state in end['optimizer']['state'].values()}
    assert max(steps) == 3


def test_too_many_such_steps_end_the_run_and_its_checkpoint_is_good(mini_home: Path, tmp_path: Path) -> None:
    bad = {'+custom_hooks': [dict(type='HappensAtStep', poisoned=(3, 4, 5))]}
    guard = {'+default_hooks__nonfinite__bound': 3, '+default_hooks__nonfinite__interval': 1}
    with pytest.raises(NonFiniteError, match=r'3 steps in a row .* at step 5: .* go on from .*iter_4\.pth'):
        train(mini_home, tmp_path, **SAME, **bad, **guard)
    train(mini_home, tmp_path, tmp_path / 'iter_4.pth', **SAME)
    assert all(value.isfinite().all() for value in weights(tmp_path / 'iter_5.pth').values() if value.is_floating_point())


@pytest.mark.distributed
def test_two_processes_go_on_from_the_checkpoint_of_one(mini_home: Path, alone: Path, tmp_path: Path) -> None:
    """In every source's stream, which counts its samples by itself, at the same sample."""
    train_together(mini_home, tmp_path, 'replicate', 2, resume=alone / 'iter_2.pth')
    assert_trained_alike(tmp_path, alone, since=3)


@pytest.mark.parametrize(
    ('options', 'gone'),
    [
        (dict(train_dataloader__dataset__weights__mlm=0.0), 'mlm/'),
        (dict(train_dataloader__dataset__weights__retrieval=0.0), 'retrieval/'),
        (dict(model__tasks__retrieval__contrastive__weight=0.0), 'loss_contrastive'),
        (dict(model__tasks__retrieval__matching__weight=0.0), 'loss_matching'),
        (dict(train_dataloader__dataset__weights__video_captioning=0.0), 'loss_caption'),
        (dict(train_dataloader__dataset__weights__video_answering=0.0), 'video_questions/'),
        (dict(train_dataloader__dataset__weights__completion=0.0), 'completion/'),
    ],
)
def test_each_objective_can_be_left_out(mini_home: Path, tmp_path: Path, options: dict, gone: str) -> None:
    """One step of all sources but that of images."""
    cut = dict(train_cfg__max_iters=1, train_dataloader__sampler__strategy='round_robin')
    cut |= {f'train_dataloader__dataset__sources__{name}__tasks': [] for name in ('image', 'image_questions')}
    left = 2 if gone == 'video_questions/' else 3
    train(mini_home, tmp_path, **cut, **options, train_dataloader__sampler__batches_per_step=left)
    (record,) = tmp_path.glob('*/vis_data/scalars.json')
    assert gone not in record.read_text()
    assert '"video/' in record.read_text()


def test_losses_count_by_their_weights(mini_home: Path, tmp_path: Path) -> None:
    """One step of all sources, twice: with weights of one, and with others."""
    tasks = dict(retrieval=2.0, mlm=0.5, image_captioning=3.0, video_captioning=0.1, image_answering=0.3)
    tasks |= dict(completion=4.0)
    common = dict(
        train_cfg__max_iters=1, train_dataloader__sampler__strategy='round_robin', train_dataloader__sampler__batches_per_step=5
    )
    own = {f'train_dataloader__dataset__weights__{task}': weight for task, weight in tasks.items()}
    own |= dict(model__tasks__retrieval__contrastive__weight=0.5, model__tasks__retrieval__matching__weight=0.25)
    for name, options in (('ones', {}), ('others', own)):
        train(mini_home, tmp_path / name, **common, **options)
    (record,) = (tmp_path / 'ones').glob('*/vis_data/scalars.json')
    names = [name for name in json.loads(record.read_text().splitlines()[0]) if '/loss' in name]
    assert len(names) == 14
    total = 0.0
    for name in names:
        _, task, loss = name.split('/')
        inner = dict(loss_contrastive=0.5, loss_matching=0.25).get(loss, 1.0)  # these are logged with the task's own weights
        assert logged(tmp_path / 'others', name)[1] == pytest.approx(inner * logged(tmp_path / 'ones', name)[1], rel=1e-5)
        total += tasks.get(task, 1.0) * inner * logged(tmp_path / 'ones', name)[1]
    assert logged(tmp_path / 'others')[1] == pytest.approx(total, rel=1e-5)


def test_batches_of_one_source_in_a_step_are_logged_by_their_mean(mini_home: Path, tmp_path: Path) -> None:
    cut = {f'train_dataloader__dataset__sources__{name}__tasks': [] for name in NAMES if name != 'text'}
    train(mini_home, tmp_path, **cut, train_cfg__max_iters=1)
    means = [logged(tmp_path, f'text/{name}')[1] for name in ('mlm/loss_text', 'completion/loss_completion')]
    assert logged(tmp_path)[1] == pytest.approx(2 * sum(means), rel=1e-4)


def test_gradients_are_not_accumulated_over_steps(mini_home: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'several batches a step by train_dataloader\.sampler\.batches_per_step'):
        train(mini_home, tmp_path, **{'+optim_wrapper__accumulative_counts': 2})


def test_a_weight_is_of_a_task_of_the_model(mini_home: Path, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match=r'weights are for maskd; the tasks of the model are retrieval, mlm, '):
        train(mini_home, tmp_path, **{'+train_dataloader__dataset__weights__maskd': 0.5})
