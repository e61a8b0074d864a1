"""Checkpoint files: written all or nothing, holding plain data only, read without unpickling, loaded strictly."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.logging import HistoryBuffer, MessageHub, print_log
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor, nn

from ..utils.dtensor import full_tensor, shard_like
from ..utils.files import replace_file
from .files import SHARDS, CheckpointError, load_checkpoint
from .loading import check_shapes, resample_to, unread_training_state


def to_plain_data(value: Any, keep: bool = True) -> Any:
    """`value` in types that `torch.load(weights_only=True)` reads; what has no such form becomes None.

    Args:
        keep: False leaves the tensors out: for a process that only helps another to gather sharded ones.
    """
    if isinstance(value, Tensor):
        found = full_tensor(value.detach())
        return found.cpu() if keep else None
    if isinstance(value, Mapping):
        return {key: to_plain_data(item, keep) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        made = [to_plain_data(item, keep) for item in value]
        return tuple(made) if type(value) is tuple else made
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return None


def message_hub_state(hub: MessageHub) -> dict:
    """A message hub in plain data: MMEngine's own state holds objects that safe loading refuses."""
    scalars = {}
    for key, buffer in hub.log_scalars.items():
        values, counts = buffer.data
        scalars[key] = dict(
            values=torch.as_tensor(np.asarray(values, dtype=np.float64)),
            counts=torch.as_tensor(np.asarray(counts, dtype=np.int64)),
            max_length=buffer.max_length,
        )
    return dict(scalars=scalars, info=to_plain_data(hub.runtime_info), resumed=to_plain_data(dict(hub._resumed_keys)))


def restore_message_hub(hub: MessageHub, state: dict) -> None:
    """Fill a message hub from `message_hub_state`; what is marked as not resumed is left as it is."""
    for key, saved in state['scalars'].items():
        if state['resumed'].get(key, True):
            hub.log_scalars[key] = HistoryBuffer(saved['values'].tolist(), saved['counts'].tolist(), saved['max_length'])
    for key, value in state['info'].items():
        if state['resumed'].get(key, True):
            hub.runtime_info[key] = value


def save_checkpoint(checkpoint: dict, path: str | Path) -> None:
    """Write a checkpoint of plain data; a file that was there stays whole until the new one is complete.

    Raises:
        CheckpointError: it could not be written; nothing half-written is left.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: torch.save(checkpoint, file))
    except (OSError, RuntimeError) as error:  # torch's archive writer turns a failed write into a RuntimeError
        free = shutil.disk_usage(path.parent).free / 2**20 if path.parent.exists() else 0
        why = f'{error.strerror}' if isinstance(error, OSError) and error.strerror else str(error).splitlines()[0]
        raise CheckpointError(
            f'could not write the checkpoint {path}: {why} ({free:.0f} MiB free there); nothing half-written is left '
            'and earlier checkpoints are untouched: make room and run the same command with --resume'
        ) from error


def load_weights(model: nn.Module, state: dict[str, Tensor], source: str, start: str | None = None) -> None:
    """Load weights, each in its shape: all of them, or those of another run's that the model has parts for (`start`), whose
    positions and patch kernel are resampled for images and patches of another size.

    Args:
        model: what they go to. state: weights by name. source: what messages call them. start: see `fitting`.

    Raises:
        CheckpointError: missing, unexpected or misshaped weights, with examples; the model is then unchanged.
    """
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    own = model.state_dict()
    if start is not None:
        resized = {key: resample_to(model, key, value, own[key]) for key, value in state.items() if key in own}
        changed = [key for key, value in resized.items() if value is not state[key]]
        if changed:
            print_log(f'{source}: resampled: {", ".join(changed)}', logger='current')
        state |= resized
    keys = keys_to_load(model, {key: value.shape for key, value in state.items()}, source, start)
    model.load_state_dict({key: shard_like(state[key], own[key]) for key in keys}, strict=len(keys) == len(own))


def keys_to_load(model: nn.Module, shapes: Mapping[str, torch.Size], source: str, start: str | None = None) -> list[str]:
    """Hold the shapes of weights in a file against a model's. Returns the keys to load.

    Args:
        start: None: a file of this very model. 'test' or 'training': a file of another run, as pre-training's is to a
            benchmark. Modules of the network, tasks, and parts of tasks, that the model does not have are then left out, and
            what only training uses of a task (`Task.training_state`) may be missing or other. 'training' begins tasks anew
            that the file does not have; a test needs them.

    Raises:
        CheckpointError: as in `load_weights`.
    """
    own = {key: value.shape for key, value in model.state_dict().items()}
    there, here = (set(shapes), set(own)) if start is None else _in_common(model, own, shapes, source, start)
    check_shapes(
        source,
        {key: shape for key, shape in shapes.items() if key in there},
        {key: shape for key, shape in own.items() if key in here},
        'Use the config that they were trained with',
    )
    return [key for key in own if key in here]


def _in_common(
    model: nn.Module, own: Mapping[str, torch.Size], shapes: Mapping[str, torch.Size], source: str, start: str
) -> tuple[set[str], set[str]]:
    """Keys of the file of another run, and of the model, that have to fit (`fitting`); prints what does not have to."""
    parts, theirs = set(map(_part, own)), set(map(_part, shapes))
    there = {key for key in shapes if key in own or (_part(key) in parts and not key.startswith('tasks.'))}
    anew = {key for key in own if start == 'training' and key.startswith('tasks.') and _part(key) not in theirs}
    unread = unread_training_state(model, own, shapes)
    told = {'left out': theirs - parts}
    if start == 'training':
        told['starting anew'] = {'.'.join(key.split('.')[:3]) for key in anew | unread}
    for what, names in told.items():
        if names:
            print_log(f'{source}: {what}: {", ".join(sorted(map(str, names)))}', logger='current')
    return there - unread, set(own) - anew - unread


def _part(key: str) -> str | None:
    """The module of the network, or the task, that a weight belongs to."""
    first, _, rest = key.partition('.')
    return f'{first}.{rest.partition(".")[0]}' if first in ('network', 'tasks') else None


def move_aside(path: Path) -> Path:
    """Take its name from the folder of a sharded checkpoint that is to go; returns where it is now.

    Removed file by file it would for a while be there under its name, half empty. A training that starts removes what lies
    there.
    """
    aside = path.with_name(f'.{path.stem}.old.{SHARDS}.tmp')
    shutil.rmtree(aside, ignore_errors=True)
    return path.rename(aside)


@CheckpointLoader.register_scheme(prefixes='', force=True)
def _load_local(filename: str, map_location: Any = None) -> dict:
    """Makes every local file that MMEngine's own initialisers read (``Pretrained``) go through the safe loader."""
    return load_checkpoint(filename, map_location or 'cpu')
