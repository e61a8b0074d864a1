"""What is reported where a run goes on with another stream of samples than its checkpoint was written with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from mmengine.optim.scheduler import CosineAnnealingLR
from torch import nn
from torch.utils.data import DataLoader

from mplug2.checkpoints import CheckpointError
from mplug2.datasets import InterleavedSources, InterleavingSampler, source_collate
from mplug2.engine.resume_check import (
    changes,
    describe_stream,
    describe_training,
    refuse_other_parameters,
    samples_per_step,
    setting_changes,
)
from mplug2.engine.runner import Runner


def interleaved(image: int = 4, video: int = 2, **sampler: object) -> DataLoader:
    dataset = InterleavedSources(
        dict(
            image=dict(dataset=list(range(40)), batch_size=image, tasks=['retrieval'], ratio=3),
            video=dict(dataset=list(range(20)), batch_size=video, tasks=['retrieval']),
            off=dict(dataset=[1], batch_size=9, tasks=['retrieval'], ratio=0),
        )
    )
    sampler = InterleavingSampler(dataset, **dict(cycle=4) | sampler)
    return DataLoader(dataset, batch_size=None, sampler=sampler, collate_fn=source_collate)


def test_nothing_is_told_where_nothing_changes() -> None:
    for loader in (interleaved(), DataLoader(range(8), batch_size=2)):
        noted = describe_stream(loader, 2)
        assert list(changes(noted, describe_stream(loader, 2))) == []
    assert noted == dict(processes=2, batch_size=2, size=8, schedule=None)
    assert list(changes({}, noted)) == []  # a checkpoint that notes none of it


def test_a_source_with_another_batch_size() -> None:
    (sentence,) = changes(describe_stream(interleaved(), 1), describe_stream(interleaved(video=3), 1))
    assert '1 process with image 4, video 2 samples each before, 1 process with image 4, video 3 samples each now' in sentence
    assert 'seen twice or not at all' in sentence


def test_other_processes_with_the_same_samples() -> None:
    (sentence,) = changes(describe_stream(interleaved(), 1), describe_stream(interleaved(2, 1), 2))
    assert sentence.endswith('2 processes with image 2, video 1 samples each now; a step has the same samples as before')
    (sentence,) = changes(describe_stream(interleaved(), 1), describe_stream(interleaved(), 2))
    assert 'seen twice or not at all' in sentence


@pytest.mark.parametrize(
    ('other', 'words'),
    [
        (dict(batches_per_step=2), '1 a step of image 3, video 1 before, 2 a step of image 3, video 1 now'),
        (dict(cycle=8), '1 a step of image 3, video 1 before, 1 a step of image 6, video 2 now'),
        (dict(strategy='round_robin'), '1 a step of image 1, video 1 in turn now'),
    ],
)
def test_another_schedule(other: dict, words: str) -> None:
    found = list(changes(describe_stream(interleaved(), 1), describe_stream(interleaved(**other), 1)))
    assert found[0].startswith('resuming with another schedule of sources: 1 a step of image 3, video 1 before')
    assert words in found[0]
    assert len(found) == 1


def test_other_data_and_another_order_of_sources() -> None:
    before = describe_stream(interleaved(), 1)
    (sentence,) = changes(before | dict(size=dict(before['size'], image=21)), describe_stream(interleaved(), 1))
    assert sentence.startswith('resuming with other data: image 21, video 20 samples before, image 40, video 20 now')
    slots = dict(reversed(before['schedule']['slots'].items()))
    (sentence,) = changes(before | dict(schedule=before['schedule'] | dict(slots=slots)), describe_stream(interleaved(), 1))
    assert sentence.startswith('resuming with another schedule of sources: 1 a step of video 1, image 3 before')


def test_the_learning_rate_follows_the_samples_of_a_step() -> None:
    """Of a schedule of 3 batches of 4 and one of 2, two a step: 7 of each process."""
    loader, said = interleaved(batches_per_step=2), []
    assert samples_per_step(loader, 2) == 14

    def scaled(processes: int, **how: object) -> float:
        optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.5)
        logger = SimpleNamespace(info=said.append, warning=lambda text: said.append(f'warning: {text}'))
        runner = SimpleNamespace(train_dataloader=loader, world_size=processes, logger=logger)
        Runner.scale_lr(runner, SimpleNamespace(optimizer=optimizer), how)
        return optimizer.param_groups[0]['lr']

    assert scaled(2, base_batch_size=14, enable=True) == scaled(2, base_batch_size=14) == scaled(1) == 0.5  # nothing to scale
    assert said == []
    assert scaled(4, base_batch_size=14, enable=True) == 1.0
    assert scaled(4, base_batch_size=14) == scaled(1, base_batch_size=14) == 0.5
    assert said[2].startswith('warning: the learning rate is for 14 samples a step, and this run takes 7: ')
    assert said[1].startswith('warning: the learning rate is for 14 samples a step, and this run takes 28: ')


def layers(**settings: object) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Two layers, whose biases have no weight decay, and their optimizer."""
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))
    groups = [dict(params=[model[0].weight, model[1].weight]), dict(params=[model[0].bias, model[1].bias], weight_decay=0.0)]
    return model, torch.optim.AdamW(groups, **dict(lr=0.1) | settings)


def test_the_state_of_other_parameters_is_refused() -> None:
    model, optimizer = layers()
    groups, before = optimizer.state_dict()['param_groups'], describe_training(model, optimizer)
    assert before == dict(optimizer='AdamW', trained=[['0.weight', '1.weight'], ['0.bias', '1.bias']])

    def refuse(now: torch.optim.Optimizer, noted: dict = before) -> None:
        refuse_other_parameters('iter_4.pth', noted, groups, describe_training(model, now))

    refuse(optimizer)
    refuse(optimizer, {})  # a checkpoint that notes none of it
    with pytest.raises(CheckpointError, match=r'iter_4\.pth .* 2 that are not trained now \(1\.bias, 1\.weight\): resume with'):
        refuse(torch.optim.AdamW(model[0].parameters()))
    swapped = torch.optim.AdamW([dict(params=list(group['params'])[::-1]) for group in optimizer.param_groups])
    with pytest.raises(CheckpointError, match='in 2 groups of 2, 2, and the config makes 2 of 2, 2'):
        refuse(swapped)
    for noted in (before, {}):
        with pytest.raises(CheckpointError, match='in 2 groups of 2, 2, and the config makes 1 of 4'):
            refuse(torch.optim.AdamW(model.parameters()), noted)
    with pytest.raises(CheckpointError, match='holds the state of AdamW and the optimizer of the config is SGD'):
        refuse(torch.optim.SGD(optimizer.param_groups))


def test_settings_that_a_checkpoint_brings_along_are_told() -> None:
    (_, optimizer), (_, other) = layers(), layers(lr=0.2, weight_decay=0.5, betas=(0.5, 0.6))
    schedulers = [CosineAnnealingLR(one, T_max=steps) for one, steps in ((optimizer, 10), (other, 20))]
    for _ in range(3):
        optimizer.step()
        schedulers[0].step()
    state, groups = schedulers[0].state_dict(), optimizer.state_dict()['param_groups']
    (_, same) = layers()
    assert not list(setting_changes(groups, same.param_groups, (1, 1), [(state, CosineAnnealingLR(same, T_max=10))]))
    sentences = list(setting_changes(groups, other.param_groups, (1, 1), [(state, schedulers[1])]))
    assert [sentence.split(' in the config')[0] for sentence in sentences] == [
        'resuming with another learning rate: 0.1 before, 0.2',
        'resuming with another weight decay: 0.01 before, 0.5',
        'resuming with another betas: (0.9, 0.999) before, (0.5, 0.6)',
        'resuming with another schedule (param_scheduler[0], CosineAnnealingLR): T_max 10 before, T_max 20',
    ]
    assert all('the former stays in use' in sentence for sentence in sentences)
    doubled = layers(lr=0.2)[1].param_groups  # for twice as many samples
    assert not list(setting_changes(groups, doubled, (1, 2), []))
