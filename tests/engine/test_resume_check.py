"""What is told where a run goes on with another stream of samples than its checkpoint was written with."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from torch.utils.data import DataLoader

from mplug2.datasets import InterleavedSources, InterleavingSampler, source_collate
from mplug2.engine.resume_check import changes, describe_stream, samples_per_step
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
    (told,) = changes(describe_stream(interleaved(), 1), describe_stream(interleaved(video=3), 1))
    assert '1 process with image 4, video 2 samples each before, 1 process with image 4, video 3 samples each now' in told
    assert 'seen twice or not at all' in told


def test_other_processes_with_the_same_samples() -> None:
    (told,) = changes(describe_stream(interleaved(), 1), describe_stream(interleaved(2, 1), 2))
    assert told.endswith('2 processes with image 2, video 1 samples each now; a step has the same samples as before')
    (told,) = changes(describe_stream(interleaved(), 1), describe_stream(interleaved(), 2))
    assert 'seen twice or not at all' in told


@pytest.mark.parametrize(
    ('other', 'told'),
    [
        (dict(batches_per_step=2), '1 a step of image 3, video 1 before, 2 a step of image 3, video 1 now'),
        (dict(cycle=8), '1 a step of image 3, video 1 before, 1 a step of image 6, video 2 now'),
        (dict(strategy='round_robin'), '1 a step of image 1, video 1 in turn now'),
    ],
)
def test_another_schedule(other: dict, told: str) -> None:
    found = list(changes(describe_stream(interleaved(), 1), describe_stream(interleaved(**other), 1)))
    assert found[0].startswith('resuming with another schedule of sources: 1 a step of image 3, video 1 before')
    assert told in found[0]
    assert len(found) == 1


def test_other_data_and_another_order_of_sources() -> None:
    before = describe_stream(interleaved(), 1)
    (told,) = changes(before | dict(size=dict(before['size'], image=21)), describe_stream(interleaved(), 1))
    assert told.startswith('resuming with other data: image 21, video 20 samples before, image 40, video 20 now')
    slots = dict(reversed(before['schedule']['slots'].items()))
    (told,) = changes(before | dict(schedule=before['schedule'] | dict(slots=slots)), describe_stream(interleaved(), 1))
    assert told.startswith('resuming with another schedule of sources: 1 a step of video 1, image 3 before')


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
