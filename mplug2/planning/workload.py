"""What the steps of a config's training do, read off its training loader: for planning, and for made-up batches.

Letters in shapes: B samples, T frames.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from mmengine.config import Config

from ..datasets.sampling.mixture import InterleavedSources, InterleavingSampler
from ..datasets.shapes import SampleShape, describe_shape
from ..registry import DATASETS, TRANSFORMS

_GUESS = SampleShape()


class Work(NamedTuple):
    """What a step does on one GPU: a batch of one source, for one or more tasks that share its features.

    tasks: names in the model; all of them if empty. media: 'image', 'video' or 'text'. batch: B. frames: T of a clip. side: of
    a frame, pixels; None is what the positions are made for. text, target, instruction: tokens, the last of an instruction that
    is read alone. share: of the steps.
    """

    tasks: tuple[str, ...] = ()
    media: str = 'video'
    batch: int = 1
    frames: int = _GUESS.frames
    side: int | None = _GUESS.side
    text: int = _GUESS.text
    target: int = _GUESS.target
    share: float = 1.0
    instruction: int = _GUESS.instruction


def works_of(cfg: Config) -> list[Work]:
    """What a config's training steps do, read off its training loader.

    Raises:
        KeyError: the config trains nothing. FileNotFoundError: the sources come in proportion to their sizes, and the data
            that have these are not available.
    """
    loader = cfg.get('train_dataloader')
    if not loader:
        raise KeyError('the config has no train_dataloader, so there is no training to plan')
    dataset = loader['dataset']
    if 'sources' in dataset:
        weights, shares = dataset.get('weights') or {}, _shares(loader)
        return [
            work_of(source['dataset'], source['batch_size'])._replace(tasks=tasks, share=shares[name])
            for name, source in dataset['sources'].items()
            if (tasks := tuple(task for task in source['tasks'] if weights.get(task, 1.0))) and shares[name]
        ]
    return [work_of(dataset, loader['batch_size'])]


def _shares(loader: dict) -> dict[str, float]:
    """Of the steps, by source, as `InterleavingSampler` has them."""
    dataset, sampler = loader['dataset'], loader.get('sampler') or {}
    strategy = sampler.get('strategy', 'ratios')
    if strategy == 'proportional':
        built = InterleavedSources(dataset['sources'], dataset.get('weights'))
        counts = InterleavingSampler(built, strategy=strategy, cycle=sampler.get('cycle', 100)).schedule.counts
        return {name: float(counts.get(name, 0)) for name in dataset['sources']}
    even = strategy == 'round_robin'
    return {name: 1.0 if even else float(source.get('ratio', 1.0)) for name, source in dataset['sources'].items()}


def work_of(dataset: dict, batch: int) -> Work:
    """What a batch of a data set's config is, as it and its transforms say in order, for tasks that are not named.

    Args:
        batch: B.
    """
    shape = describe_shape(dataset, SampleShape(), DATASETS)
    for step in _steps(dataset):
        shape = describe_shape(step, shape, TRANSFORMS)
    return Work(batch=batch, **shape._asdict())


def _steps(node: Any) -> Iterator[dict]:
    """The steps of a data set's pipelines, wrapped data sets included, in order."""
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ():
        yield from _steps(item)
    if isinstance(node, dict):
        yield from (step for step in node.get('pipeline', ()) if isinstance(step, dict))
