"""What the steps of a config's training do, read off its training loader: for planning, and for made-up batches.

Letters in shapes: B samples, T frames.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from ..config.load import type_name
from ..datasets.benchmarks.image.cifar_mnist import PixelDataset
from ..datasets.io.annotations import as_list
from ..datasets.sampling.mixture import InterleavedSources, InterleavingSampler
from ..datasets.shards.packed_text import DESCRIPTION
from ..registry import DATASETS
from ..text.instructions import instruction

ROW = 128  # tokens of packed text, unless its shards are there to say


class Work(NamedTuple):
    """What a step does on one GPU: a batch of one source, for one or more tasks that share its features.

    tasks: names in the model; all of them if empty. media: 'image', 'video' or 'text'. batch: B. frames: T of a clip. side: of
    a frame, pixels; None is what the positions are made for. text, target, instruction: tokens, the last of an instruction that
    is read alone. share: of the steps.
    """

    tasks: tuple[str, ...] = ()
    media: str = 'video'
    batch: int = 1
    frames: int = 8
    side: int | None = None
    text: int = 30
    target: int = 20
    share: float = 1.0
    instruction: int = 6


def works_of(cfg: Config) -> list[Work]:
    """What a config's training steps do, read off its training loader.

    Raises:
        KeyError: the config trains nothing. FileNotFoundError: the sources come in proportion to their sizes, and the data that
            would tell these is not there.
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
    """What a batch of a data set's config is, as its pipeline says, for tasks that are not named.

    Args:
        batch: B.
    """
    found = dict(batch=batch, media='image' if _in_memory(dataset) else 'text')
    if type_name(dataset) == 'PackedText':
        found['text'] = _row_length(dataset)
    for step in _steps(dataset):
        kind = type_name(step)
        if kind == 'LoadImage':
            found['media'] = 'image'
        if 'num_frames' in step:
            found.update(media='video', frames=step['num_frames'])
        if kind == 'ActionPipeline':
            found.update(media='video', **_clip(step['steps']))
        if isinstance(step.get('size'), (int, list, tuple)):
            found['side'] = step['size'] if isinstance(step['size'], int) else step['size'][0]
        key = {'TokenizeText': 'text', 'TokenizeTarget': 'target'}.get(kind)
        if key is not None and step.get('out', key) == key and (length := _length(step, found['media'])):
            found[key] = length
        if kind == 'TokenizeText' and step.get('out') == 'instruction':
            found['instruction'] = 1 + len(_instruction(step, found['media']))
        if kind == 'SplitPrefix':  # broken off anywhere, so that the longest of a batch is about the whole text
            found['target'] = step.get('max_length') or found.get('text', Work().text)
    return Work(**found)


def _in_memory(dataset: dict) -> bool:
    """Whether records have their images, which no step of the pipeline loads."""
    kind = dataset.get('type')
    kind = DATASETS.get(kind) if isinstance(kind, str) else kind
    return isinstance(kind, type) and issubclass(kind, PixelDataset)


def _clip(steps: Sequence[dict]) -> dict[str, int]:
    """Frames, and their side, that mmaction2's steps leave: the last crop, or square to which they resize."""
    found = {}
    for step in steps:
        if 'clip_len' in step:
            found['frames'] = step['clip_len']
        size = step.get('crop_size') or step.get('scale') or 0
        side = size if isinstance(size, int) else size[0] if size[0] == size[1] else 0
        if side > 0:
            found['side'] = side
    return found


def _length(step: dict, media: str) -> int | None:
    """Tokens that a step leaves of a text, each word taken for one: ``[CLS]``, an instruction, words, a target's ``[SEP]``."""
    limits = [step['max_length']] if step.get('max_length') else []
    if step.get('max_words'):
        limits.append(1 + len(_instruction(step, media)) + step['max_words'] + (type_name(step) == 'TokenizeTarget'))
    return min(limits, default=None)


def _instruction(step: dict, media: str) -> list[str]:
    return instruction(step['instruction'], media).split() if step.get('instruction') else []


def _row_length(dataset: dict) -> int:
    """Tokens of the rows of `PackedText`, as their shards say where they are there, else `ROW`."""
    for shards in as_list(dataset.get('shards') or []):
        folder = Path(shards).parent if str(shards).endswith('.tar') else Path(shards)
        if (folder / DESCRIPTION).is_file():
            return json.loads((folder / DESCRIPTION).read_text(encoding='utf-8'))['length']
    return ROW


def _steps(node: Any) -> Iterator[dict]:
    """The steps of a data set's pipelines, wrapped data sets included, in order."""
    for item in node.values() if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ():
        yield from _steps(item)
    if isinstance(node, dict):
        yield from (step for step in node.get('pipeline', ()) if isinstance(step, dict))
