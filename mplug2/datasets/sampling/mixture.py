"""Many sources in one stream of batches. Seed and position decide the source of a batch and its samples.

Letters: n numbers the batches of the stream ("slots"); a training step takes one or more of them.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np
from torch.utils.data import Dataset, Sampler

from ...registry import DATA_SAMPLERS, DATASETS, FUNCTIONS, resolve
from ..collate import multimodal_collate
from .sampler import ResumableSampler, StreamIndex

STRATEGIES = ('ratios', 'proportional', 'round_robin')


class Schedule:
    """The source of slot n, and the number of earlier slots of each source: pure functions of (seed, n).

    Slots come in cycles. Every cycle has the same number of slots for a source, in an order shuffled by (seed, cycle).
    So ratios hold exactly over every cycle, and the position in each source is arithmetic, not a replay.

    Args:
        counts: name -> slots of a cycle. shuffle: False keeps the order of names.

    Raises:
        ValueError: no source has a slot.
    """

    def __init__(self, counts: Mapping[str, int], shuffle: bool = True) -> None:
        self.counts = {name: count for name, count in counts.items() if count}
        if not self.counts:
            raise ValueError('no source has a share of the steps')
        self.shuffle = shuffle
        self._cycle = [name for name, count in self.counts.items() for _ in range(count)]

    def _order(self, seed: int, cycle: int) -> list[str]:
        if not self.shuffle:
            return self._cycle
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, 2**31 + cycle])))
        return [self._cycle[offset] for offset in generator.permutation(len(self._cycle))]

    def source(self, seed: int, slot: int) -> str:
        """The source of a slot."""
        cycle, offset = divmod(slot, len(self._cycle))
        return self._order(seed, cycle)[offset]

    def before(self, seed: int, slot: int) -> dict[str, int]:
        """Number of slots of each source before this one."""
        cycle, offset = divmod(slot, len(self._cycle))
        begun = self._order(seed, cycle)[:offset]
        return {name: cycle * count + begun.count(name) for name, count in self.counts.items()}

    def walk(self, seed: int, slot: int) -> Iterator[str]:
        """The sources of all slots from this one on."""
        cycle, offset = divmod(slot, len(self._cycle))
        while True:
            yield from self._order(seed, cycle)[offset:]
            cycle, offset = cycle + 1, 0


def apportion(shares: Mapping[str, float], total: int) -> dict[str, int]:
    """Whole numbers in the ratio of `shares` that sum to `total` (largest remainders), at least 1 for a share above 0.

    Raises:
        ValueError: a negative share, or more shares than `total`.
    """
    positive = {name: share for name, share in shares.items() if share}
    if any(share < 0 for share in positive.values()) or len(positive) > total:
        raise ValueError(f'{total} steps cannot be divided by {dict(shares)}: shares are 0 or more, and each takes a step')
    scale = total / sum(positive.values()) if positive else 0
    counts = {name: max(1, int(share * scale)) for name, share in positive.items()}
    while sum(counts.values()) != total and counts:
        step = 1 if sum(counts.values()) < total else -1
        able = [name for name in counts if counts[name] + step >= 1]
        name = max(able, key=lambda name: step * (positive[name] * scale - counts[name]))
        counts[name] += step
    return counts


class Source(NamedTuple):
    """One source: its data, the samples of a batch on each rank, the model's tasks for it, its sampler's config, and its
    share of the stream under the strategy 'ratios'."""

    dataset: Dataset
    batch_size: int
    tasks: tuple[str, ...]
    sampler: dict
    ratio: float


class BatchIndex(NamedTuple):
    """The samples of a batch, all of one source."""

    source: str
    draws: list[StreamIndex]


class SourceSamples(NamedTuple):
    """A batch before collation. weights: of its tasks, by name."""

    source: str
    samples: list[dict | None]
    weights: dict[str, float]


@DATASETS.register_module()
class InterleavedSources(Dataset):
    """Sources of different kinds: each with a data set and pipeline, a batch size, and the tasks that its batches are for.

    Args:
        sources: name -> ``dict(dataset=config, batch_size=..., tasks=[names of the model's tasks], sampler=config,
            ratio=...)``; ``batch_size`` is that of each rank; the defaults are `ResumableSampler` and a ratio of 1.
        weights: of the tasks' losses, 1 by default. A task of weight 0 is left out, and so is a source without tasks
            or of ratio 0.

    Raises:
        ValueError: no source is left; an argument of a source is missing or unknown.
    """

    def __init__(self, sources: Mapping[str, dict], weights: Mapping[str, float] | None = None) -> None:
        self.weights = dict(weights or {})
        self.sources: dict[str, Source] = {}
        for name, cfg in sources.items():
            cfg = dict(cfg)
            missing = [key for key in ('dataset', 'batch_size', 'tasks') if key not in cfg]
            unknown = sorted(set(cfg) - {*Source._fields})
            if missing or unknown or '/' in name:
                problem = f'lacks {", ".join(missing)}' if missing else f'has {", ".join(unknown)} or a name with a slash'
                raise ValueError(f'source {name!r} {problem}; a source is dict({", ".join(Source._fields)})')
            tasks = tuple(task for task in cfg['tasks'] if self.weights.get(task, 1.0))
            if tasks and cfg.get('ratio', 1.0):
                dataset = cfg['dataset']
                dataset = DATASETS.build(dataset) if isinstance(dataset, dict) else dataset
                sampler = cfg.get('sampler') or dict(type=ResumableSampler)
                self.sources[name] = Source(dataset, cfg['batch_size'], tasks, sampler, cfg.get('ratio', 1.0))
        if not self.sources:
            raise ValueError(f'no source is left to train on: the weights are {self.weights}')

    @property
    def tasks(self) -> set[str]:
        return {task for source in self.sources.values() for task in source.tasks}

    def __len__(self) -> int:
        """Samples of all sources."""
        return sum(len(source.dataset) for source in self.sources.values())

    def __getitem__(self, chosen: BatchIndex) -> SourceSamples:
        source = self.sources[chosen.source]
        weights = {task: self.weights.get(task, 1.0) for task in source.tasks}
        samples = []
        for draw in chosen.draws:
            if isinstance(draw, StreamIndex):  # foreign data sets and MMEngine's wrappers do not seed themselves
                draw.seed_everything()
            samples.append(source.dataset[draw])
        return SourceSamples(chosen.source, samples, weights)


@FUNCTIONS.register_module()
def source_collate(batch: SourceSamples, pad_id: int = 0) -> dict[str, Any]:
    """`multimodal_collate` of a source's samples; adds ``source`` and ``weights`` (of its tasks) to the inputs."""
    return multimodal_collate(batch.samples, pad_id) | dict(source=batch.source, weights=batch.weights)


@DATA_SAMPLERS.register_module()
class InterleavingSampler(Sampler):
    """The endless stream of batches of `InterleavedSources`.

    All ranks take a batch of the same source at the same time. Each source has its own sampler, whose position is
    the number of its earlier slots, so a stream starts anywhere at no cost. A loader takes it with
    ``batch_size=None``, and its workers serve all sources.

    Args:
        dataset: `InterleavedSources`. seed: of the stream; the training loop sets the run's.
        strategy: 'ratios': slots in the ratio of the sources' ``ratio``. 'proportional': all sources finish an epoch of their
            data at the same time. 'round_robin': one after the other.
        batches_per_step: slots of a training step. cycle: slots over which the shares hold, rounded to whole slots and
            at least one for each source; longer for rarer sources.

    Attributes:
        start_position: the slot to begin with; the training loop sets it on resuming.
    """

    def __init__(
        self,
        dataset: InterleavedSources,
        seed: int | None = None,
        strategy: str = 'ratios',
        batches_per_step: int = 1,
        cycle: int = 100,
    ) -> None:
        if strategy not in STRATEGIES:
            raise ValueError(f'strategy is one of {", ".join(map(repr, STRATEGIES))}, not {strategy!r}')
        if batches_per_step < 1:
            raise ValueError(f'a step takes at least one batch: batches_per_step is {batches_per_step}')
        self.sources = dataset.sources
        self.samplers = {
            name: DATA_SAMPLERS.build(resolve(source.sampler, DATA_SAMPLERS), default_args=dict(dataset=source.dataset))
            for name, source in self.sources.items()
        }
        self._epochs = {name: -(-len(self.samplers[name]) // source.batch_size) for name, source in self.sources.items()}
        if strategy == 'round_robin':
            self.schedule = Schedule(dict.fromkeys(self.sources, 1), shuffle=False)
        else:
            ratios = {name: source.ratio for name, source in self.sources.items()}
            self.schedule = Schedule(apportion(ratios if strategy == 'ratios' else self._epochs, cycle))
        self.seed = seed or 0
        self.batches_per_step = batches_per_step
        self.start_position = 0

    @property
    def batch_sizes(self) -> dict[str, int]:
        """Samples of a batch on each rank, by source."""
        return {name: self.sources[name].batch_size for name in self.schedule.counts}

    @property
    def sizes(self) -> dict[str, int]:
        """Samples of the data sets, by source."""
        return {name: len(self.sources[name].dataset) for name in self.schedule.counts}

    @property
    def samples_per_step(self) -> float:
        """Average number of samples that each rank takes in a step."""
        counts = self.schedule.counts
        return (
            self.batches_per_step * sum(count * self.batch_sizes[name] for name, count in counts.items()) / sum(counts.values())
        )

    @property
    def plan(self) -> dict:
        """What decides, with the seed, the source of a slot."""
        return dict(slots=self.schedule.counts, shuffled=self.schedule.shuffle, batches_per_step=self.batches_per_step)

    def source_seed(self, name: str) -> int:
        """The seed of a source's own stream."""
        return int(np.random.SeedSequence([self.seed, zlib.crc32(name.encode())]).generate_state(1)[0])

    def __iter__(self) -> Iterator[BatchIndex]:
        done = self.schedule.before(self.seed, self.start_position)
        streams = {}
        for name in self.schedule.counts:
            sampler = self.samplers[name]
            sampler.seed = self.source_seed(name)
            sampler.start_position = done[name] * self.sources[name].batch_size
            streams[name] = iter(sampler)
        for name in self.schedule.walk(self.seed, self.start_position):
            stream = streams[name]
            yield BatchIndex(name, [next(stream) for _ in range(self.sources[name].batch_size)])

    def __len__(self) -> int:
        """Number of slots that hold every sample once."""
        return sum(self._epochs.values())


def datasets_of(dataset: Any) -> dict[str, Any]:
    """The data sets that a loader's consists of, by source; one without sources goes by ''."""
    sources = dataset.sources if isinstance(dataset, InterleavedSources) else {'': dataset}
    return {name: getattr(source, 'dataset', source) for name, source in sources.items()}
