import itertools
import pickle

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mplug2.datasets import MultiModalDataset, ResumableSampler, StreamIndex, multimodal_collate
from mplug2.datasets.transforms import PackInputs
from mplug2.registry import DATA_SAMPLERS


def stream(size=10, count=25, seed=3, start=0, rank=(0, 1), shuffle=True, monkeypatch=None) -> list[tuple[int, int]]:
    if monkeypatch is not None:
        monkeypatch.setattr('mplug2.datasets.sampling.sampler.get_dist_info', lambda: rank)
    sampler = ResumableSampler(range(size), seed=seed, shuffle=shuffle)
    sampler.start_position = start
    return [(int(draw), draw.position) for draw in itertools.islice(sampler, count)]


def test_each_pass_is_a_permutation_of_its_own():
    drawn = [index for index, _ in stream(count=30)]
    passes = [drawn[start : start + 10] for start in (0, 10, 20)]
    assert all(sorted(one) == list(range(10)) for one in passes)
    assert len({tuple(one) for one in passes}) == 3
    assert stream(seed=3) == stream(seed=3)
    assert stream(seed=3) != stream(seed=4)
    assert [index for index, _ in stream(shuffle=False, count=12)] == [*range(10), 0, 1]


@pytest.mark.parametrize('start', [1, 9, 10, 17])
def test_resuming_goes_on_in_the_same_stream(start):
    assert stream(start=start, count=8) == stream(count=start + 8)[start:]


def test_ranks_share_the_stream_without_overlap(monkeypatch):
    whole = stream(count=24)
    ranks = [stream(count=8, rank=(rank, 3), monkeypatch=monkeypatch) for rank in range(3)]
    assert [draw for together in zip(*ranks, strict=True) for draw in together] == whole
    resumed = stream(count=4, start=4, rank=(1, 3), monkeypatch=monkeypatch)
    assert resumed == ranks[1][4:]
    assert len(ResumableSampler(range(10))) == 4


def test_one_pass_of_one_rank():
    assert len(ResumableSampler(range(10))) == 10
    with pytest.raises(ValueError, match='no samples'):
        ResumableSampler([])
    assert DATA_SAMPLERS.build(dict(type='ResumableSampler', dataset=range(3))).seed == 0


def test_draws_travel_to_workers():
    draw = pickle.loads(pickle.dumps(StreamIndex(4, 2, 9)))
    assert (draw, draw.seed, draw.position) == (4, 2, 9)
    assert isinstance(draw, int)
    assert draw.generator(0).integers(10**9) == StreamIndex(4, 2, 9).generator(0).integers(10**9)
    assert draw.generator(0).integers(10**9) != draw.generator(1).integers(10**9)


class Noise(MultiModalDataset):
    """Samples of random numbers from every source that a transform may use."""

    def load_records(self):
        return [dict(sample_id=number, media='text') for number in range(12)]


def _draw(results: dict) -> dict:
    import random

    import torch

    results['noise'] = np.array([random.random(), np.random.rand(), float(torch.rand(()))])
    return results


def _noise(workers: int, start: int, batches: int) -> list:
    dataset = Noise(pipeline=[_draw, PackInputs(inputs=('noise',))])
    sampler = ResumableSampler(dataset, seed=1)
    sampler.start_position = start
    loader = DataLoader(dataset, batch_size=5, sampler=sampler, num_workers=workers, collate_fn=multimodal_collate)
    found = itertools.islice(loader, batches)
    return [
        (sample.sample_id, *noise)
        for batch in found
        for sample, noise in zip(batch['data_samples'], batch['inputs']['noise'].tolist(), strict=True)
    ]


def test_samples_depend_on_neither_workers_nor_resuming():
    plain = _noise(workers=0, start=0, batches=6)
    assert len({row[1:] for row in plain}) == 30  # passes draw anew
    assert _noise(workers=2, start=0, batches=6) == plain
    assert _noise(workers=1, start=15, batches=3) == plain[15:]
