"""The one way in for checkpoints: find, read, hold against the model, load, report.

Formats of other projects come in through ``init_cfg`` (`initializers`) or ``mplug2 convert``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import Any

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from ..utils.dtensor import shard_like
from .errors import CheckpointError
from .files import load_checkpoint, read_state
from .find import SHARDS, find_weights
from .loading import LoadReport, check_shapes, resample_to, unread_training_state


class Policy(Enum):
    """What of a checkpoint may be missing or other.

    RESUME: nothing; it is of this very model.
    START, TEST: it is of another run, as pre-training's is to a benchmark. Modules of the network, tasks, and parts of tasks,
    that the model does not have are left out; positions and patch kernel are resampled; what only training uses of a task
    (`Task.training_state`) may be missing or other. START begins tasks anew that the file does not have; a test needs them.
    Both take the averaged weights of a run that has them (`AverageWeights`), which its validation scored.
    """

    RESUME = 'resume'
    START = 'start'
    TEST = 'test'


def load(
    model: nn.Module,
    source: str | Path | Mapping[str, Any],
    policy: Policy,
    *,
    name: str | None = None,
    map_location: Any = 'cpu',
    on_read: Callable[[dict], None] | None = None,
) -> LoadReport:
    """Load a checkpoint's weights.

    Args:
        model: sharded or not. source: what `find_weights` finds, or the content of a file. name: what messages call the source.
        on_read: called with the checkpoint before the weights change; a sharded one comes without weights and optimizer's
            state. Every process calls this function where the source is a sharded checkpoint.

    Raises:
        CheckpointError: none there, unreadable, or missing, unexpected or misshaped weights, with examples; the model is then
            unchanged.
    """
    if isinstance(source, Mapping):
        name, content = name or 'a state dict', dict(source)
    else:
        name, path = name or str(source), find_weights(source)
        if path.suffix == f'.{SHARDS}':
            from .sharded import load_sharded

            return load_sharded(model, path, policy, on_read)
        content = load_checkpoint(path, map_location)
    if on_read is not None:
        on_read(content)
    if hasattr(model, 'add_adapters'):
        model.add_adapters()  # a test begins without initialised weights
    state, own = read_state(content, average=policy is not Policy.RESUME), model.state_dict()
    resized: list[str] = []
    if policy is not Policy.RESUME:
        fitted = {key: resample_to(model, key, value, own[key]) for key, value in state.items() if key in own}
        resized = [key for key, value in fitted.items() if value is not state[key]]
        if resized:
            print_log(f'{name}: resampled: {", ".join(resized)}', logger='current')
        state |= fitted
    keys = keys_to_load(model, {key: value.shape for key, value in state.items()}, name, policy)
    refuse_bad_numbers({key: state[key] for key in keys}, name)
    model.load_state_dict({key: shard_like(state[key], own[key]) for key in keys}, strict=len(keys) == len(own))
    return report_of(name, keys, resized, own, {key: value.shape for key, value in state.items()})


def refuse_bad_numbers(weights: Mapping[str, Tensor], source: str) -> None:
    """
    Raises:
        CheckpointError: a weight is not finite.
    """
    bad = [key for key, value in weights.items() if value.is_floating_point() and not value.isfinite().all()]
    if bad:
        raise CheckpointError(
            f'{len(bad)} of {len(weights)} weights of {source} hold numbers that are not finite ({", ".join(bad[:3])}'
            f'{", ..." if len(bad) > 3 else ""}): take an earlier checkpoint'
        )


def report_of(
    name: str, keys: list[str], resized: list[str], own: Mapping[str, Tensor], shapes: Mapping[str, torch.Size]
) -> LoadReport:
    """What a load did. keys: those loaded. own: the model's tensors. shapes: of the file's tensors."""
    loaded = set(keys)
    return LoadReport(
        name,
        {key: ((key,), own[key].numel()) for key in keys},
        tuple(key for key in resized if key in loaded),
        {key: value.numel() for key, value in own.items() if key not in loaded},
        {key: shape.numel() for key, shape in shapes.items() if key not in loaded},
    )


def keys_to_load(model: nn.Module, shapes: Mapping[str, torch.Size], source: str, policy: Policy) -> list[str]:
    """Hold the shapes of weights in a file against a model's. Returns the keys to load.

    Raises:
        CheckpointError: as in `load`.
    """
    own = {key: value.shape for key, value in model.state_dict().items()}
    there, here = (set(shapes), set(own)) if policy is Policy.RESUME else _in_common(model, own, shapes, source, policy)
    check_shapes(
        source,
        {key: shape for key, shape in shapes.items() if key in there},
        {key: shape for key, shape in own.items() if key in here},
        'Use the config that they were trained with',
    )
    return [key for key in own if key in here]


def _in_common(
    model: nn.Module, own: Mapping[str, torch.Size], shapes: Mapping[str, torch.Size], source: str, policy: Policy
) -> tuple[set[str], set[str]]:
    """Keys of the file of another run, and of the model, that have to fit; prints what does not have to."""
    parts, theirs = set(map(_part, own)), set(map(_part, shapes))
    there = {key for key in shapes if key in own or (_part(key) in parts and not key.startswith('tasks.'))}
    anew = {key for key in own if policy is Policy.START and key.startswith('tasks.') and _part(key) not in theirs}
    if policy is Policy.START:
        anew |= getattr(model, 'adapter_keys', frozenset()) - set(shapes)
    unread = unread_training_state(model, own, shapes)
    unused = {'left out': theirs - parts}
    if policy is Policy.START:
        unused['starting anew'] = {'.'.join(key.split('.')[:3]) for key in anew | unread}
    for what, names in unused.items():
        if names:
            print_log(f'{source}: {what}: {", ".join(sorted(map(str, names)))}', logger='current')
    return there - unread, set(own) - anew - unread


def _part(key: str) -> str | None:
    """The module of the network, or the task, that a weight belongs to."""
    first, _, rest = key.partition('.')
    return f'{first}.{rest.partition(".")[0]}' if first in ('network', 'tasks') else None
