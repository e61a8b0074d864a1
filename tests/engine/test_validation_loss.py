"""The loss of validation is the mean over its samples, whatever the batches."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from mmengine.logging import MessageHub
from torch import nn
from torch.utils.data import DataLoader

from mplug2.engine import ValidationLoss
from mplug2.engine.hooks import validation_loss
from mplug2.engine.logs import DeviceScalarBuffer, LogProcessor


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


@pytest.mark.parametrize('batch_size', [1, 2, 3])
def test_samples_that_fill_the_last_round_count_once(batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Five samples on two processes: the second has the first once more."""
    values, sums = [1, 2, 3, 4, 10], {}

    def collate(samples: list[int]) -> dict:
        return {'inputs': torch.tensor(samples), 'data_samples': samples}

    for rank in range(2):
        monkeypatch.setattr(validation_loss, 'get_dist_info', lambda rank=rank: (rank, 2))
        loader = DataLoader(values, batch_size, sampler=[(rank, rank + 2, 4), (1, 3, 0)][rank], collate_fn=collate)
        runner, hook = SimpleNamespace(model=MeanLoss(), val_dataloader=loader), ValidationLoss()
        hook.before_val_epoch(runner)
        for number, batch in enumerate(loader):
            hook.after_val_iter(runner, number, batch)
        sums[rank] = float(hook._sums['loss_caption']), hook._samples
    assert sums == {0: (pytest.approx(14.0), 3), 1: (pytest.approx(6.0), 2)}


def test_a_step_that_was_left_out_is_not_in_the_mean() -> None:
    hub, buffer = MessageHub.get_instance('left_out'), DeviceScalarBuffer()
    for loss in (2.0, float('nan'), 4.0, float('inf')):
        buffer.add({'train/loss': torch.tensor(loss)})
    buffer.flush(hub)
    assert LogProcessor()._collect_scalars([], SimpleNamespace(message_hub=hub), 'train')['loss'] == 3.0


def test_the_log_has_the_loss_of_this_validation_and_of_training_the_mean_of_some_steps() -> None:
    hub = MessageHub.get_instance('validation_loss_logged')
    for name in ('val/loss_caption', 'train/loss_caption'):
        for loss in (4.0, 2.0):
            hub.update_scalar(name, loss)
    runner = SimpleNamespace(message_hub=hub)
    shown = {mode: LogProcessor()._collect_scalars([], runner, mode)['loss_caption'] for mode in ('val', 'train')}
    assert shown == {'val': 2.0, 'train': 3.0}
    assert LogProcessor()._collect_scalars([], runner, 'val', reserve_prefix=True) == {'val/loss_caption': 2.0}
    asked = [
        dict(data_src='loss_caption', method_name='max', log_name='loss_most'),
        dict(data_src='loss_caption', method_name='min'),
    ]
    assert LogProcessor()._collect_scalars(asked, runner, 'val') == {'loss_caption': 2.0, 'loss_most': 4.0}
