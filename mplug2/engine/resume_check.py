"""What a checkpoint notes of a run's stream of samples, and what is told where a resumed run takes another."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch.utils.data import DataLoader

from ..datasets.sampling.mixture import InterleavingSampler


def describe_stream(loader: DataLoader, processes: int) -> dict[str, Any]:
    """``processes``; ``batch_size``, samples of each in a batch, and ``size``, samples of the data, both by source where there
    are several; ``schedule`` of sources.

    None where the loader counts no samples, or has no sources.
    """
    sampler = loader.sampler
    if isinstance(sampler, InterleavingSampler):
        return dict(processes=processes, batch_size=sampler.batch_sizes, size=sampler.sizes, schedule=sampler.plan)
    return dict(processes=processes, batch_size=loader.batch_size, size=_length(loader.dataset), schedule=None)


def samples_per_step(loader: DataLoader, processes: int) -> float | None:
    """Of all processes, on average; None where the loader does not count them."""
    sampler = loader.sampler
    each = sampler.samples_per_step if isinstance(sampler, InterleavingSampler) else loader.batch_size
    return None if each is None else processes * each


def changes(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """Sentences on what differs between two `describe_stream`; what the first does not say does not."""
    schedules = before.get('schedule'), now['schedule']
    if None not in schedules and not _equal(*schedules):
        yield (
            f'resuming with another schedule of sources: {_slots(**schedules[0])} before, {_slots(**schedules[1])} now; each '
            'source goes on where a run with the present schedule would be at this step'
        )
    lengths = before.get('size'), now['size']
    if lengths[0] is not None and lengths[0] != lengths[1]:
        shown = [_listed(one) if isinstance(one, dict) else str(one) for one in lengths]
        yield (
            f'resuming with other data: {shown[0]} samples before, {shown[1]} now; what is drawn from here on is another order '
            'of them'
        )
    counts, sizes = (before.get('processes'), now['processes']), (before.get('batch_size'), now['batch_size'])
    if counts[0] is None or (counts[0] == counts[1] and sizes[0] == sizes[1]):
        return
    change = f'{_processes(counts[0], sizes[0])} before, {_processes(counts[1], sizes[1])} now'
    if None not in sizes and _of_all(counts[0], sizes[0]) == _of_all(counts[1], sizes[1]):
        yield f'resuming with other processes: {change}; a step has the same samples as before'
    else:
        yield (
            f'resuming with other processes or samples a step: {change}; the stream of samples goes on where a run with '
            'the present numbers would be at this step, so some samples of this pass are seen twice or not at all'
        )


def _length(dataset: Any) -> int | None:
    return len(dataset) if hasattr(dataset, '__len__') else None


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    """Schedules follow the order of their sources."""
    return one == other and list(one['slots']) == list(other['slots'])


def _processes(count: int, batch_size: int | dict[str, int] | None) -> str:
    size = _listed(batch_size) if isinstance(batch_size, dict) else batch_size
    each = '' if batch_size is None else f' with {size} samples each'
    return f'{count} process{"" if count == 1 else "es"}{each}'


def _of_all(count: int, batch_size: int | dict[str, int]) -> int | dict[str, int]:
    """Samples of a batch of all processes."""
    if isinstance(batch_size, dict):
        return {name: count * size for name, size in batch_size.items()}
    return count * batch_size


def _slots(slots: dict[str, int], shuffled: bool, batches_per_step: int) -> str:
    return f'{batches_per_step} a step of {_listed(slots)}{"" if shuffled else " in turn"}'


def _listed(numbers: dict[str, int]) -> str:
    return ', '.join(f'{name} {number}' for name, number in numbers.items())
