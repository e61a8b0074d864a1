"""Which checkpoints are written, and which stay."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from mplug2.checkpoints import CheckpointError, best_checkpoint
from mplug2.checkpoints.find import BEST, read_best
from mplug2.engine import CheckpointHook, NonFiniteGuard, TrainLoop
from mplug2.evaluation import CaptionMetric, RetrievalMetric


def runner_in(folder: Path) -> SimpleNamespace:
    """A runner whose checkpoints are empty files."""

    def save(out: str, name: str, **_: object) -> None:
        (Path(out) / name).touch()

    return SimpleNamespace(
        work_dir=str(folder), iter=0, max_iters=100, timestamp='now', logger=logging.getLogger('hook'), save_checkpoint=save
    )


@pytest.mark.parametrize('bad', [float('nan'), float('inf')])
@pytest.mark.parametrize(('scores', 'best'), [((0.5, None, 0.1), 10), ((None, 0.1, None), 20), ((0.1, None, 0.5), 30)])
def test_a_score_that_is_no_number_is_never_the_best(tmp_path: Path, bad: float, scores: tuple, best: int) -> None:
    runner, hook = runner_in(tmp_path), CheckpointHook(save_best='m')
    hook.before_train(runner)
    for runner.iter, score in zip((10, 20, 30), scores, strict=True):
        hook.after_val_epoch(runner, {'m': bad if score is None else score})
    assert read_best(tmp_path)['iter'] == best
    assert [file.name for file in tmp_path.glob('*.pth')] == [f'best_m_iter_{best}.pth']


def test_a_score_replaces_a_best_that_is_no_number(tmp_path: Path) -> None:
    """Of an earlier version's run."""
    (tmp_path / 'best_m_iter_10.pth').touch()
    (tmp_path / BEST).write_text('{"file": "best_m_iter_10.pth", "metric": "m", "score": NaN, "iter": 10}')
    runner, hook = runner_in(tmp_path), CheckpointHook(save_best='m')
    runner.iter = 20
    hook.before_train(runner)
    hook.after_val_epoch(runner, {'m': 0.1})
    assert [file.name for file in tmp_path.glob('*.pth')] == ['best_m_iter_20.pth']


@pytest.mark.parametrize(
    'file', ['../other.pth', '/etc/hostname', 'iter_4.pth', 'best_m_iter_4.pth/x', 'x/best_m_iter_4.pth', 'best.json', 7]
)
def test_a_record_names_only_checkpoints_of_its_run(tmp_path: Path, file: str) -> None:
    """It is loaded, and removed by the next best."""
    (tmp_path / BEST).write_text(json.dumps(dict(file=file, metric='m', score=1.0, iter=4)))
    with pytest.raises(CheckpointError, match='is no record of a run'):
        best_checkpoint(tmp_path)


@pytest.mark.parametrize('text', ['', '[]', '{}', '{"file": "best_m_iter_4.pth", "score": "1", "iter": 4}'])
def test_a_damaged_record_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / BEST).write_text(text)
    with pytest.raises(CheckpointError, match='is no record of a run'):
        read_best(tmp_path)


def test_the_metric_is_known_before_training() -> None:
    retrieval = RetrievalMetric(prefix='clips')
    runner = SimpleNamespace(val_loop=SimpleNamespace(evaluator=SimpleNamespace(metrics=[CaptionMetric(), retrieval])))
    for name in ('CIDEr-D', 'CIDEr-D/in-domain', 'METEOR', 'clips/text_to_video_R@1', 'clips/dual_R@mean'):
        CheckpointHook(save_best=name).before_run(runner)
    for name in ('auto', 'SPICE', 'text_to_video_R@1', 'clips/text_to_video_R@7'):
        with pytest.raises(KeyError, match='is not among the metrics of validation'):
            CheckpointHook(save_best=name).before_run(runner)
    retrieval.result_names = None  # of another package, which names none
    CheckpointHook(save_best='auto').before_run(runner)
    with pytest.raises(ValueError, match='the name of one metric'):
        CheckpointHook(save_best=['CIDEr-D', 'BLEU-4'])


@pytest.mark.parametrize('interval', [0, -1])
def test_no_interval_is_never(tmp_path: Path, interval: int) -> None:
    """As MMEngine has it; the last step is saved all the same."""
    runner, hook = runner_in(tmp_path), CheckpointHook(interval=interval)
    runner.optim_wrapper = SimpleNamespace(skipped_steps=lambda: pytest.fail('it was looked at'))
    for runner.iter in range(99):
        hook.after_train_iter(runner, runner.iter)
        NonFiniteGuard(interval=interval).after_train_iter(runner, runner.iter)
    assert not list(tmp_path.iterdir())
    runner.iter = 99
    hook.after_train_iter(runner, 99)
    assert [file.name for file in tmp_path.iterdir()] == ['iter_100.pth']
    loop = TrainLoop.__new__(TrainLoop)
    loop._runner, loop.val_interval, loop.val_begin, loop._iter, loop._max_iters = runner, interval, 1, 100, 100
    runner.val_loop = SimpleNamespace(run=lambda: pytest.fail('it was validated'))
    loop._validate_if_due()
