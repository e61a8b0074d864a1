"""The loss of validation is the mean over its samples, whatever the batches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn

from mplug2.engine import ValidationLoss


class MeanLoss(nn.Module):
    """A model whose loss is the mean of its inputs."""

    def data_preprocessor(self, data: dict) -> dict:
        return {'inputs': data['inputs'].float(), 'data_samples': data['inputs'].tolist()}

    def forward(self, inputs: torch.Tensor, data_samples: Any, mode: str) -> dict[str, torch.Tensor]:
        assert mode == 'loss'
        return {'loss_caption': inputs.mean()}


@pytest.mark.parametrize('batches', [[[1, 2, 3], [6]], [[1], [2, 3, 6]], [[1, 2, 3, 6]]])
def test_the_mean_is_over_samples(batches: list[list[int]]) -> None:
    hub = MessageHub.get_instance(f'validation_loss_{len(batches)}_{len(batches[0])}')
    runner, hook = SimpleNamespace(model=MeanLoss(), message_hub=hub), ValidationLoss()
    for _ in range(2):  # an epoch does not remember the one before
        hook.before_val_epoch(runner)
        for number, batch in enumerate(batches):
            hook.after_val_iter(runner, number, {'inputs': torch.tensor(batch)}, outputs=[])
        hook.after_val_epoch(runner)
    assert hub.get_scalar('val/loss_caption').current() == pytest.approx(3.0)
