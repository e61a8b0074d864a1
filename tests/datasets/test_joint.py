"""Several data sets in turn: blocks of one task, each sample of a part once a pass, the same after a resume."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from torch.utils.data import DataLoader, Dataset

from mplug2.datasets import ResumableSampler
from mplug2.datasets.joint import JointDataset
from mplug2.registry import DATASETS


class Numbers(Dataset):
    metainfo: dict = {}

    def __init__(self, count: int) -> None:
        self.count = count

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> dict:
        return dict(inputs=dict(number=int(index), drawn=int(index.generator().integers(1000))))


@pytest.fixture
def joint(monkeypatch: pytest.MonkeyPatch) -> JointDataset:
    monkeypatch.setitem(DATASETS._module_dict, 'Numbers', Numbers)
    return JointDataset(dict(asking=dict(type='Numbers', count=6), telling=dict(type='Numbers', count=10)), block=4)


def batches(joint: JointDataset, steps: int, start: int = 0, workers: int = 0) -> list[list[tuple]]:
    sampler = ResumableSampler(joint, seed=5)
    sampler.start_position = 4 * start
    loader = DataLoader(joint, batch_size=4, sampler=sampler, num_workers=workers, collate_fn=list)
    return [[tuple(one['inputs'].values()) for one in batch] for batch in itertools.islice(loader, steps)]


def test_each_step_has_one_task_and_tasks_take_turns(joint: JointDataset) -> None:
    tasks = [{task for *_, task in batch} for batch in batches(joint, 6)]
    assert tasks == [{'asking'}, {'telling'}] * 3


def test_each_sample_comes_once_a_pass(joint: JointDataset) -> None:
    found = batches(joint, 20)  # 40 samples of each: asking 6 full passes and 4 more, telling 4 passes
    for task, count in (('asking', 6), ('telling', 10)):
        numbers = [number for batch in found for number, _, of in batch if of == task]
        passes = [numbers[start : start + count] for start in range(0, 40 // count * count, count)]
        assert all(Counter(one) == Counter(range(count)) for one in passes)
        assert len({tuple(one) for one in passes}) > 1, 'shuffled anew'


def test_a_resumed_stream_goes_on_as_the_unbroken_one(joint: JointDataset) -> None:
    assert batches(joint, 9)[5:] == batches(joint, 4, start=5, workers=1)


def test_plain_indices_are_refused(joint: JointDataset) -> None:
    with pytest.raises(TypeError, match='by their place in the stream'):
        joint[0]
