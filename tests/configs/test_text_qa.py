"""SQuAD is trained as BERT is."""

from __future__ import annotations

import pytest
import torch

from mplug2.config.load import load_config
from mplug2.registry import PARAM_SCHEDULERS, resolve


@pytest.mark.parametrize(('version', 'warm_up', 'steps'), [('v1', 800, 8212), ('v2', 540, 5430)])
def test_the_rate_rises_over_a_tenth_of_the_steps_and_falls_linearly(version: str, warm_up: int, steps: int) -> None:
    cfg = load_config(f'text_qa/mplug2_base_squad_{version}')
    recipe = cfg.optim_wrapper.optimizer
    assert (recipe.betas, recipe.weight_decay) == ((0.9, 0.999), 0.01)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=recipe.lr)
    schedulers = [
        PARAM_SCHEDULERS.build(resolve(dict(end=steps) | dict(part), PARAM_SCHEDULERS), default_args=dict(optimizer=optimizer))
        for part in cfg.param_scheduler
    ]
    rates = []
    for _ in range(steps):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
    assert max(rates) == pytest.approx(recipe.lr)
    assert rates.index(max(rates)) in range(warm_up - 2, warm_up + 2)
    assert rates[(warm_up + steps) // 2] == pytest.approx(recipe.lr / 2, rel=1e-3)
    assert rates[-1] < 1e-3 * recipe.lr
    assert warm_up / steps == pytest.approx(0.1, abs=0.01)
