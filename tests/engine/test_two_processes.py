"""Two processes (gloo) train and test as one does on the same samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from tests.runs import ROOT, TINY_QA, mplug2, two_processes, weights

pytestmark = pytest.mark.distributed

STEPS = ['train_cfg.max_iters=3', 'train_cfg.val_begin=9', 'default_hooks.checkpoint.save_best=None']


def test_two_processes_train_and_test_as_one(mini_home: Path, tmp_path: Path) -> None:
    one, two = tmp_path / 'one', tmp_path / 'two'
    assert mplug2(mini_home, 'train', TINY_QA, '--work-dir', one, '--cfg-options', *STEPS) == 0
    train = [ROOT / 'tools' / 'train.py', TINY_QA, '--work-dir', two, '--launcher', 'pytorch', '--cfg-options', *STEPS]
    two_processes(mini_home, *train, 'train_dataloader.batch_size=2')
    ours, expected = weights(two / 'iter_3.pth'), weights(one / 'iter_3.pth')
    for key, value in expected.items():
        torch.testing.assert_close(ours[key], value, rtol=1e-4, atol=1e-6, msg=lambda text, key=key: f'{key}: {text}')

    metrics, predictions = ([tmp_path / f'{name}.{suffix}' for name in ('one', 'two')] for suffix in ('json', 'jsonl'))
    test = [TINY_QA, one / 'iter_3.pth', '--work-dir', tmp_path / 'test']
    # Ten samples in batches of three: the processes' shares differ, and none is scored twice.
    threes = ['--cfg-options', 'test_dataloader.batch_size=3']
    assert mplug2(mini_home, 'test', *test, '--out', metrics[0], '--predictions', predictions[0], *threes) == 0
    results = ['--out', metrics[1], '--predictions', predictions[1]]
    tested = two_processes(mini_home, ROOT / 'tools' / 'test.py', *test, *results, '--launcher', 'pytorch', *threes)
    scores = [json.loads(file.read_text()) for file in metrics]
    for score in scores:
        del score['seconds']
    assert scores[1] == pytest.approx(scores[0])
    assert tested.count('seconds  ') == 1  # one process prints the results
    lines = [sorted(file.read_text().splitlines()) for file in predictions]
    assert len(lines[0]) == len({json.loads(line)['id'] for line in lines[0]}) == 10
    answers = [[(line['id'], line['prediction']['pred_answer']) for line in map(json.loads, file)] for file in lines]
    assert answers[1] == answers[0], 'each sample once, as one process answers it'
