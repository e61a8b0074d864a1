"""What a checkpoint notes of a run, and what is reported where a resumed run takes other samples, parameters or settings."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from ..checkpoints.errors import CheckpointError
from ..checkpoints.state import to_plain_data
from ..datasets.sampling.mixture import InterleavingSampler

# Settings of an optimizer's groups that a checkpoint brings along, and what messages call them.
SETTINGS = dict(
    lr='learning rate', weight_decay='weight decay', betas='betas', eps='eps', momentum='momentum', nesterov='nesterov'
)
# What moves in a scheduler's state as it steps.
MOVING = ('base_values', 'last_step', '_global_step', '_last_value', 'best', 'num_bad_steps', 'cooldown_counter', 'verbose')


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
        shown = [_listed(length) if isinstance(length, dict) else str(length) for length in lengths]
        yield (
            f'resuming with other data: {shown[0]} samples before, {shown[1]} now; from here on they are sampled in '
            'another order'
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
            'the present numbers would be at this step, so some samples of this epoch are seen twice or not at all'
        )


def _length(dataset: Any) -> int | None:
    return len(dataset) if hasattr(dataset, '__len__') else None


def _equal(schedule: dict[str, Any], other: dict[str, Any]) -> bool:
    """Schedules follow the order of their sources."""
    return schedule == other and list(schedule['slots']) == list(other['slots'])


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


def describe_training(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """``optimizer``, its class, and ``trained``, the names of the parameters of each of its groups."""
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    trained = [[names.get(id(parameter), '') for parameter in group['params']] for group in optimizer.param_groups]
    return dict(optimizer=type(optimizer).__name__, trained=trained)


def refuse_other_parameters(source: str, before: Mapping[str, Any], groups: Sequence[dict], now: Mapping[str, Any]) -> None:
    """Hold the parameters of a checkpoint's optimizer against a run's: its state goes by their order.

    Args:
        source: what messages call the checkpoint. before: what it notes, as of `describe_training`; it may note nothing.
        groups: of its optimizer. now: `describe_training` of the run.

    Raises:
        CheckpointError: another optimizer, other parameters, or other groups of them.
    """
    rest = 'resume with the config of that run, or start from these weights with --cfg-options load_from=...'
    if before.get('optimizer', now['optimizer']) != now['optimizer']:
        raise CheckpointError(
            f'{source} holds the state of {before["optimizer"]} and the optimizer of the config is {now["optimizer"]}: {rest}'
        )
    theirs, ours = ({name for group in noted.get('trained', ()) for name in group} for noted in (before, now))
    if theirs and theirs != ours:
        parts = [
            f'{len(names)} that {which} ({", ".join(sorted(names)[:3])}{", ..." if len(names) > 3 else ""})'
            for names, which in ((theirs - ours, 'are not trained now'), (ours - theirs, 'were not trained before'))
            if names
        ]
        raise CheckpointError(f'{source} was written by a run with other trained parameters: {" and ".join(parts)}: {rest}')
    trained = before.get('trained')
    sizes = [len(group['params']) for group in groups]
    if (trained is not None and trained != now['trained']) or sizes != [len(group) for group in now['trained']]:
        raise CheckpointError(
            f'{source} was written by a run whose parameters learn alike in {len(groups)} groups of {_counts(sizes)}, and the '
            f'config makes {len(now["trained"])} of {_counts([len(group) for group in now["trained"]])} (paramwise_cfg, '
            f'frozen or the order of tasks): {rest}'
        )


def setting_changes(
    before: Sequence[dict], now: Sequence[dict], scales: tuple[float, float], schedules: Sequence[tuple[dict, Any]]
) -> Iterator[str]:
    """Sentences on what a resumed run takes from its checkpoint and not from its config.

    Args:
        before, now: groups of the checkpoint's optimizer and of the run's, alike in their parameters. scales: factors of their
            learning rates, which are compared without. schedules: states of the checkpoint's schedulers, and the run's, fresh.
    """
    stays = 'the former stays in use; to change it, start from these weights with load_from'
    for key, words in SETTINGS.items():
        pairs = [(_initial(old, key), _initial(new, key)) for old, new in zip(before, now, strict=True)]
        if key == 'lr':
            pairs = [(old / scales[0], new / scales[1]) for old, new in pairs]
        changed = next((pair for pair in pairs if not _alike(*pair)), None)
        if changed is not None:
            yield f'resuming with another {words}: {_shown(changed[0])} before, {_shown(changed[1])} in the config; {stays}'
    for number, (state, scheduler) in enumerate(schedules):
        fresh = to_plain_data(scheduler.state_dict())
        keys = [key for key in fresh if key in state and key not in MOVING and not _alike(state[key], fresh[key])]
        if keys:
            was, is_now = (', '.join(f'{key} {_shown(values[key])}' for key in keys) for values in (state, fresh))
            what = f'param_scheduler[{number}], {type(scheduler).__name__}'
            yield f'resuming with another schedule ({what}): {was} before, {is_now} in the config; {stays}'


def _initial(group: Mapping[str, Any], key: str) -> Any:
    """A setting before schedulers changed it."""
    return group.get(f'initial_{key}', group.get(key))


def _alike(value: Any, other: Any) -> bool:
    if isinstance(value, (list, tuple)) and isinstance(other, (list, tuple)):
        return len(value) == len(other) and all(map(_alike, value, other))
    if isinstance(value, (int, float)) and isinstance(other, (int, float)):
        return math.isclose(value, other, rel_tol=1e-6)
    return value == other


def _shown(value: Any) -> str:
    return f'{value:g}' if isinstance(value, float) else str(value)


def _counts(sizes: list[int]) -> str:
    return ', '.join(map(str, sizes))
