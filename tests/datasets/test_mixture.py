"""The stream of batches of many sources is a function of seed and place."""

from __future__ import annotations

import random
from collections import Counter
from itertools import islice

import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mplug2.datasets import InterleavedSources, InterleavingSampler, Schedule, source_collate
from mplug2.datasets.sampling.mixture import apportion
from mplug2.structures import MultiModalDataSample


class Numbers(Dataset):
    """A sample is its index and a draw that its place in the stream decides."""

    def __init__(self, size: int) -> None:
        self.size = size

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, draw) -> dict:
        value = int(draw.generator().integers(1000))
        sample = MultiModalDataSample(metainfo=dict(sample_id=int(draw)))
        return dict(inputs=dict(index=int(draw), value=value), data_samples=sample)


def some_sources(**weights: float) -> InterleavedSources:
    return InterleavedSources(
        dict(
            image=dict(dataset=Numbers(40), batch_size=4, tasks=['retrieval', 'mlm'], ratio=5),
            video=dict(dataset=Numbers(22), batch_size=2, tasks=['retrieval'], ratio=3),
            text=dict(dataset=Numbers(9), batch_size=3, tasks=['mlm'], ratio=2),
        ),
        weights,
    )


def batches(start: int, count: int, workers: int = 0, **kwargs) -> list[tuple]:
    """(source, indices, draws) of a loader's batches from slot `start` on."""
    dataset = some_sources()
    sampler = InterleavingSampler(dataset, seed=7, **kwargs)
    sampler.start_position = start
    loader = DataLoader(dataset, batch_size=None, sampler=sampler, collate_fn=source_collate, num_workers=workers)
    return [(b['source'], b['inputs']['index'].tolist(), b['inputs']['value'].tolist()) for b in islice(loader, count)]


@pytest.mark.parametrize('shuffle', [True, False])
def test_a_schedule_is_a_function_of_seed_and_slot(shuffle: bool) -> None:
    schedule = Schedule(dict(a=3, b=0, c=2), shuffle)
    stream = list(islice(schedule.walk(5, 0), 40))
    assert stream == [schedule.source(5, slot) for slot in range(40)]
    for slot in range(40):
        assert schedule.before(5, slot) == {name: stream[:slot].count(name) for name in 'ac'}
        assert list(islice(schedule.walk(5, slot), 9)) == [schedule.source(5, slot + place) for place in range(9)]
    assert all(Counter(stream[start : start + 5]) == dict(a=3, c=2) for start in range(0, 40, 5))
    assert (stream != list(islice(schedule.walk(6, 0), 40))) == shuffle
    assert (stream[:5] != stream[5:10] or stream[5:10] != stream[10:15]) == shuffle


def test_shares_are_apportioned() -> None:
    assert apportion(dict(a=1, b=1, c=1), 10) == dict(a=4, b=3, c=3)
    assert apportion(dict(a=14e6, b=2.5e6, c=10), 100) == dict(a=84, b=15, c=1)  # none is lost
    assert apportion(dict(a=0, b=0.1), 7) == dict(b=7)
    with pytest.raises(ValueError, match='1 steps cannot be divided'):
        apportion(dict(a=1, b=1), 1)


def test_strategies() -> None:
    def counts(**kwargs) -> Counter:
        return Counter(source for source, *_ in batches(0, 100, **kwargs))

    assert counts() == dict(image=50, video=30, text=20)
    assert counts(strategy='proportional', cycle=24) == Counter(  # passes of 10, 11 and 3 batches
        list(islice(Schedule(dict(image=10, video=11, text=3)).walk(7, 0), 100))
    )
    assert [source for source, *_ in batches(0, 6, strategy='round_robin')] == ['image', 'video', 'text'] * 2
    with pytest.raises(ValueError, match="strategy is one of 'ratios', 'proportional', 'round_robin'"):
        InterleavingSampler(some_sources(), strategy='loudest')
    with pytest.raises(ValueError, match='at least one batch'):
        InterleavingSampler(some_sources(), batches_per_step=0)


@pytest.mark.parametrize(('start', 'workers'), [(1, 0), (137, 0), (137, 2)])
def test_the_stream_starts_anywhere_with_any_number_of_workers(start: int, workers: int) -> None:
    assert batches(start, 20, workers) == batches(0, start + 20)[start:]


def test_each_source_passes_over_its_data_in_an_order_of_its_own() -> None:
    found: dict[str, list[int]] = {'image': [], 'video': [], 'text': []}
    for source, indices, _ in batches(0, 40):
        found[source] += indices
    for source, size in (('image', 40), ('video', 22), ('text', 9)):
        assert sorted(found[source][:size]) == list(range(size))
    small = [index for index in found['image'] if index < 9][:9]
    assert small != found['text'][:9]  # one seed, but not one order


def test_processes_share_out_the_samples_of_the_same_source(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = batches(0, 30)
    shares = []
    for rank in range(2):
        monkeypatch.setattr('mplug2.datasets.sampling.sampler.get_dist_info', lambda rank=rank: (rank, 2))
        shares.append(batches(0, 30))
    monkeypatch.undo()
    assert [source for source, *_ in shares[0]] == [source for source, *_ in shares[1]] == [source for source, *_ in whole]
    for source in ('image', 'video', 'text'):
        of_each = [[pair for name, *pair in share if name == source] for share in (*shares, whole)]
        drawn = [[sample for indices, values in one for sample in zip(indices, values, strict=True)] for one in of_each]
        together = [sample for pair in zip(drawn[0], drawn[1], strict=True) for sample in pair]
        count = len(drawn[2])
        assert together[:count] == drawn[2]  # sample g of the stream is the same, and goes to process g mod 2


def test_a_source_of_ratio_0_is_not_even_built() -> None:
    sources = dict(
        a=dict(dataset=Numbers(4), batch_size=2, tasks=['mlm']),
        b=dict(dataset=dict(type='NobodyHasThis'), batch_size=2, tasks=['mlm'], ratio=0),
    )
    assert list(InterleavedSources(sources).sources) == ['a']


def test_data_sets_that_know_of_no_draws_draw_alike_all_the_same() -> None:
    class Drawn(Numbers):
        def __getitem__(self, index: int) -> float:
            return random.random()

    dataset = InterleavedSources(dict(a=dict(dataset=Drawn(8), batch_size=2, tasks=['mlm'])))
    stream = InterleavingSampler(dataset, seed=1)
    first = [dataset[draw].samples for draw in islice(stream, 6)]
    stream.start_position = 4
    random.seed(5)
    assert [dataset[draw].samples for draw in islice(stream, 2)] == first[4:]
    assert len({number for samples in first for number in samples}) == 12


def test_weights_leave_tasks_and_sources_out() -> None:
    left = some_sources(mlm=0.0, retrieval=0.5)
    assert list(left.sources) == ['image', 'video']
    assert left.tasks == {'retrieval'}
    draws = next(iter(InterleavingSampler(left)))
    assert left[draws].weights == dict(retrieval=0.5)
    with pytest.raises(ValueError, match='no source is left'):
        some_sources(mlm=0, retrieval=0)


def test_a_collated_batch_says_what_it_is_for() -> None:
    dataset = some_sources(mlm=2.0)
    batch = source_collate(dataset[next(iter(InterleavingSampler(dataset, strategy='round_robin')))])
    assert batch['source'] == 'image'
    assert batch['weights'] == dict(retrieval=1.0, mlm=2.0)
    assert batch['inputs']['index'].shape == (4,)
    assert batch['inputs']['index'].dtype == torch.long


def test_a_source_is_checked() -> None:
    with pytest.raises(ValueError, match="source 'image' lacks batch_size, tasks"):
        InterleavedSources(dict(image=dict(dataset=Numbers(3))))
    with pytest.raises(ValueError, match="source 'image' has share or a name with a slash"):
        InterleavedSources(dict(image=dict(dataset=Numbers(3), batch_size=1, tasks=['a'], share=3)))
