"""Steps with a loss or gradient that is not finite, and the average of the weights, worked out by hand."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from torch import nn
from torch.optim import SGD, AdamW

from mplug2.checkpoints import CheckpointError, Policy, load, read_state, save_checkpoint
from mplug2.engine import (
    AverageWeights,
    NonFiniteError,
    NonFiniteGuard,
    OptimWrapper,
)
from mplug2.objectives.denominator import count_per_process


def wrapped(clip_grad: dict | None) -> tuple[nn.Linear, OptimWrapper]:
    torch.manual_seed(0)
    layer = nn.Linear(3, 2)
    return layer, OptimWrapper(AdamW(layer.parameters(), lr=0.1, weight_decay=0.1), clip_grad=clip_grad and dict(clip_grad))


@pytest.mark.parametrize('clip_grad', [None, dict(max_norm=1.0), dict(type='value', clip_value=0.1)])
def test_a_bad_step_changes_nothing_and_is_counted(clip_grad: dict | None) -> None:
    (layer, wrapper), (other, never_bad) = wrapped(clip_grad), wrapped(clip_grad)
    good = torch.arange(6.0).view(2, 3)
    for inputs in (good, good * float('nan'), good * float('inf'), good):
        wrapper.update_params(layer(inputs).square().sum())
    for inputs in (good, good):
        never_bad.update_params(other(inputs).square().sum())
    assert torch.equal(layer.weight, other.weight)
    assert wrapper.state_dict()['state'][0]['step'] == 2
    assert wrapper.skipped_steps() == (2, 2)  # although the last one was good
    wrapper.update_params(layer(good).square().sum() + torch.tensor(float('inf')))  # a finite gradient
    assert torch.equal(layer.weight, other.weight)
    assert wrapper.skipped_steps() == (3, 1)


def test_parameters_that_learn_alike_form_one_group() -> None:
    def trained(wrap: bool) -> tuple[nn.Module, AdamW]:
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(3, 4), nn.LayerNorm(4), nn.Linear(4, 2))
        decays = {name: 0.0 if 'bias' in name else 0.1 for name, _ in model.named_parameters()}
        rates = {name: 0.01 if name.startswith('2') else 0.1 for name in decays}
        groups = [
            dict(params=[parameter], lr=rates[name], weight_decay=decays[name]) for name, parameter in model.named_parameters()
        ]
        optimizer = AdamW(groups)
        step = OptimWrapper(optimizer=optimizer).step if wrap else optimizer.step
        for _ in range(3):
            model(torch.ones(1, 3)).square().sum().backward()
            step()
        return model, optimizer

    (plain, apart), (wrapped, merged) = trained(False), trained(True)
    assert len(apart.param_groups) == 6
    assert [(group['lr'], group['weight_decay'], len(group['params'])) for group in merged.param_groups] == [
        (0.1, 0.1, 2),
        (0.1, 0.0, 2),
        (0.01, 0.1, 1),
        (0.01, 0.0, 1),
    ]
    for one, other in zip(plain.parameters(), wrapped.parameters(), strict=True):
        torch.testing.assert_close(one, other)


def test_the_logged_norm_is_that_before_clipping() -> None:
    layer, wrapper = wrapped(dict(max_norm=1e-3))
    wrapper.update_params(layer(torch.ones(1, 3)).sum())
    assert float(wrapper.grad_norm) == pytest.approx(8**0.5)  # six weights and two biases, each with gradient 1


@pytest.mark.parametrize('counted', [True, False])
def test_accumulated_batches_are_one_large_batch(counted: bool) -> None:
    """Means over tokens, of which batches have unequal numbers, one of them none; or over samples."""
    batches = [torch.randn(number, 3) for number in ((5, 0, 2) if counted else (3, 3, 3))]

    def stepped(batches: list[torch.Tensor], accumulated: int) -> nn.Linear:
        torch.manual_seed(0)
        layer = nn.Linear(3, 2)
        wrapper = OptimWrapper(SGD(layer.parameters(), lr=0.1), accumulative_counts=accumulated)
        for batch in batches * 2:
            with wrapper.optim_context(layer):
                total = layer(batch).square().sum()
                loss = total / (count_per_process(torch.tensor(len(batch))) if counted else len(batch))
            wrapper.update_params(loss)
        return layer

    parts, whole = stepped(batches, 3), stepped([torch.cat(batches)], 1)
    torch.testing.assert_close(parts.weight, whole.weight)
    torch.testing.assert_close(parts.bias, whole.bias)


def test_bad_steps_in_a_row_end_a_run(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    guard = NonFiniteGuard(bound=4, interval=2)
    counts = iter([(1, 1), (3, 3), (5, 5)])
    runner = SimpleNamespace(
        iter=0,
        max_iters=100,
        work_dir=str(tmp_path),
        logger=logging.getLogger('guard'),
        optim_wrapper=SimpleNamespace(skipped_steps=lambda: next(counts)),
    )
    save_checkpoint({}, tmp_path / 'iter_2.pth')
    guard.before_train(runner)
    with caplog.at_level('WARNING', logger='guard'):
        for runner.iter in range(5):
            guard.after_train_iter(runner, runner.iter)
        runner.iter = 5
        with pytest.raises(NonFiniteError, match=r'5 steps in a row .*iter_2\.pth'):
            guard.after_train_iter(runner, runner.iter)
    runner.optim_wrapper = SimpleNamespace()  # MMEngine's own count nothing
    guard.after_train_iter(runner, runner.iter)
    assert [record.message.split(' had ')[0] for record in caplog.records] == [
        '1 of the last steps up to 2',
        '2 of the last steps up to 4',
        '2 of the last steps up to 6',
    ]


def test_the_average_of_the_weights() -> None:
    layer = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(layer.weight)
    stepped = [True]
    wrapper = SimpleNamespace(should_update=lambda: stepped[0])
    runner = SimpleNamespace(bare_model=layer, iter=0, optim_wrapper=wrapper)
    optimizer, hook = SGD(layer.parameters(), lr=1.0), AverageWeights(momentum=0.5)
    hook.before_train(runner)
    expected = 0.0
    for step in range(1, 5):
        layer.weight.grad = torch.full((1, 1), -1.0)  # the weight counts the steps
        optimizer.step()
        for stepped[0] in (False, True):  # of two accumulated batches the second steps
            hook.after_train_iter(runner, runner.iter)
        runner.iter += 1
        momentum = min(0.5, (1 + step) / (10 + step))
        expected = momentum * expected + (1 - momentum) * step
    checkpoint: dict = {}
    hook.before_save_checkpoint(runner, checkpoint)
    assert checkpoint['average']['weight'].item() == pytest.approx(expected)
    hook.before_val(runner)
    assert layer.weight.item() == pytest.approx(expected)
    hook.after_val_epoch(runner)
    assert layer.weight.item() == 4
    tester, content = AverageWeights(), dict(state_dict=layer.state_dict(), **checkpoint)
    for policy, value in ((Policy.TEST, expected), (Policy.START, expected), (Policy.RESUME, 4)):
        fresh = nn.Linear(1, 1, bias=False)
        load(fresh, dict(content), policy)
        assert fresh.weight.item() == pytest.approx(value)
    assert read_state(content)['weight'].item() == pytest.approx(expected)
    tester.after_load_checkpoint(runner, content)
    tester.before_test(runner)
    tester.after_load_checkpoint(runner, dict(state_dict={}))
    with pytest.raises(CheckpointError, match='the checkpoint has none'):
        tester.before_test(runner)
    tester.after_load_checkpoint(runner, layer.state_dict())  # a published file
    tester.before_test(SimpleNamespace(bare_model=layer, logger=logging.getLogger('average')))
    assert layer.weight.item() == 4
