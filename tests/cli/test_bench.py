"""The benchmarks run at tiny size, and the plain forms that they compare with are right."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from mplug2.cli import main
from mplug2.cli.bench import measure, peers
from mplug2.cli.bench.plain import permuted_local_temporal, plain_modules
from mplug2.modules import LocalTemporal
from mplug2.modules.layers import PLAIN_ATTENTION
from tests.modules.helpers import randomize, small_network, some_frames


@pytest.mark.parametrize('groups', [None, 2])
def test_the_permuted_form_equals_the_channels_last_one(groups: int | None) -> None:
    module = randomize(LocalTemporal(8, groups=groups))
    x = torch.randn(2, 3, 5, 8, requires_grad=True)
    ours, plain = module(x), permuted_local_temporal(module, x)
    assert_close(plain, ours, rtol=1e-4, atol=1e-5)
    assert_close(*(torch.autograd.grad(y.square().sum(), x)[0] for y in (plain, ours)), rtol=1e-4, atol=1e-5)


def test_plain_modules_give_the_same_and_are_put_back() -> None:
    network, frames = small_network(), some_frames(2, 3)
    fast = network.encode_vision(frames)
    forward, before = LocalTemporal.forward, os.environ.get(PLAIN_ATTENTION)
    with plain_modules():
        assert LocalTemporal.forward is not forward
        plain = network.encode_vision(frames)
    assert LocalTemporal.forward is forward
    assert os.environ.get(PLAIN_ATTENTION) == before
    for one, other in zip(fast, plain, strict=True):
        assert_close(one, other, rtol=1e-4, atol=1e-5)


def holding(megabytes: int):
    return lambda: torch.ones(megabytes * 2**18).sum()


@pytest.mark.slow
def test_peak_memory_is_that_of_the_run() -> None:
    before, after = measure.peak_memory(holding, 200)
    assert 195e6 < after - before < 260e6


SMALL = ['--size', 'tiny', '--frames', '2', '--repeat', '1']


@pytest.mark.slow
@pytest.mark.parametrize(
    ('arguments', 'expected'),
    [
        (['generation', *SMALL, '--tokens', '4', '--beams', '2'], ['cached', 'ids of all beams agree']),
        (
            ['decoding', *SMALL, '--tokens', '4', '--beams', '2'],
            ['limit of fp32', 'weights packed', 'weights int8', 'ids agree'],
        ),
        (['vision', *SMALL, '--memory-size', 'tiny', '--memory-frames', '2'], ['frames/s', 'peak resident memory']),
        (['annotations', '--lines', '300'], ['300 lines of', 'us a line', 'with the imports']),
        (
            ['search', '--rows', '500', '--gallery', '64', '--queries', '20', '--channels', '8', '--top-k', '4'],
            ['rank        64', 'same: 100.00%', 're-rank        64', 'same rows: 100.0%', 'too few rows'],
        ),
    ],
)
def test_a_measurement_says_what_it_ran_on(arguments: list[str], expected: list[str], capsys: pytest.CaptureFixture) -> None:
    assert main(['bench', *arguments]) == 0
    report = capsys.readouterr().out
    for word in ['machine', 'versions', 'commit', 'command', *expected]:
        assert word in report


@pytest.mark.slow
def test_a_training_step_is_weighed_in_all_forms(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    def in_this_process(call, *arguments) -> tuple[int, int]:
        call(*arguments)()
        return 0, 1

    monkeypatch.setattr(measure, 'peak_memory', in_this_process)
    assert main(['bench', 'train', *SMALL, '--tokens', '4']) == 0
    report = capsys.readouterr().out
    assert all(word in report for word in ('plain', 'fast', 'recomputed', 'activations and gradients', 'plain / fast'))
    assert torch.get_float32_matmul_precision() == 'highest'


def test_bench_inference(mini_home: Path, capsys: pytest.CaptureFixture) -> None:
    clips = sorted(map(str, (mini_home / 'data/mini/msrvtt/videos').glob('*.mp4')))[:3]
    assert main(['bench', 'inference', *clips, '--repeat', '1', '--batch-size', '2']) == 0
    assert 'of bare generation' in capsys.readouterr().out


@pytest.mark.slow
def test_peers_as_json(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(peers, 'QUICK', peers.QUICK._replace(depth=1, repeat=1))
    assert main(['bench', 'peers', '--quick', '--json', '--only', 'clip']) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row['name'] for row in rows} == {'clip images', 'clip texts'}
    assert all(row.keys() == {'name', 'dtype', 'batch', 'beams', 'ratio'} and row['ratio'] > 0 for row in rows)
