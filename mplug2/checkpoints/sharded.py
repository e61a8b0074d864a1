"""Checkpoints that every process writes its part of: safetensors files through `torch.distributed.checkpoint`.

A folder ``iter_N.shards``: tensors in ``shard-*.safetensors``, everything else, and their checksums, in ``training.pth``. It
loads with any number of processes, sharded or not; nothing in it is unpickled.
"""

from __future__ import annotations

import os
import shutil
import zlib
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
import torch.distributed.checkpoint as dcp
from mmengine.dist import all_gather_object, barrier, get_dist_info, is_main_process
from torch import Tensor, nn
from torch.distributed.checkpoint import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.metadata import TensorStorageMetadata

from ..utils.dtensor import local_shard, shard_like
from ..utils.files import sync_folder
from .errors import DamagedCheckpointError
from .files import load_checkpoint, save_checkpoint
from .find import move_aside
from .load import Policy, keys_to_load, refuse_bad_numbers, report_of
from .loading import LoadReport, resample_to

PLAIN = 'training.pth'
MODEL, AVERAGE, OPTIMIZER = 'model.', 'average.', 'optimizer.'
CHECKSUMS = 'checksums'  # in training.pth: name of a file -> CRC-32
_BLOCK = 2**24  # bytes read at a time


def save_sharded(
    plain: dict,
    weights: Mapping[str, Tensor],
    average: Mapping[str, Tensor],
    optimizer: Mapping[int, dict] | None,
    path: Path,
) -> None:
    """Write a sharded checkpoint, all or nothing; every process calls it.

    Args:
        plain: what is no tensor of these: plain data. weights: the model's state dict. average: of its weights, by name; may
            be empty. optimizer: the state of its optimizer by the number of the parameter, or None. path: a folder, replaced if
            it is there.
    """
    temporary = path.with_name(f'.{path.name}.tmp')
    if is_main_process():
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir(parents=True)
    barrier()
    tensors = {f'{MODEL}{key}': value for key, value in weights.items()}
    tensors |= {f'{AVERAGE}{key}': value for key, value in average.items()}
    for index, values in (optimizer or {}).items():
        tensors.update({f'{OPTIMIZER}{index}.{key}': value for key, value in values.items() if isinstance(value, Tensor)})
    dcp.save(tensors, storage_writer=HuggingFaceStorageWriter(str(temporary), save_distributed=True))
    sums = _checksums(temporary, _own_share(temporary))  # of files that other processes wrote, too: all see them
    sums = {name: number for part in all_gather_object(sums) for name, number in part.items()}
    if is_main_process():
        save_checkpoint(plain | {CHECKSUMS: sums}, temporary / PLAIN)
        old = move_aside(path) if path.exists() else None
        os.replace(temporary, path)
        sync_folder(path.parent)
        if old is not None:
            shutil.rmtree(old, ignore_errors=True)
    barrier()


def load_sharded(model: nn.Module, path: Path, policy: Policy, on_read: Callable[[dict], None] | None = None) -> LoadReport:
    """Load the weights of a sharded checkpoint; every process calls it.

    Args:
        model: sharded or not. on_read: called before the weights change with what `save_sharded` was given, without weights and
            optimizer's state (`read_optimizer`); ``average`` if there is one.

    Raises:
        CheckpointError: no sharded checkpoint, or of another model. DamagedCheckpointError: a file of it is missing
            or is not what was written.
    """
    checkpoint = _read_plain(path)
    _verify(path, checkpoint.pop(CHECKSUMS))
    own, there = model.state_dict(), shapes_in(path)
    shapes = {key.removeprefix(MODEL): shape for key, shape in there.items() if key.startswith(MODEL)}
    averaged = {key for key in shapes if policy is not Policy.RESUME and f'{AVERAGE}{key}' in there}
    names = {key: f'{AVERAGE if key in averaged else MODEL}{key}' for key in shapes}  # in the file
    resized = {} if policy is Policy.RESUME else _read_resized(model, path, own, shapes, names)
    shapes |= {key: value.shape for key, value in resized.items()}
    keys = keys_to_load(model, shapes, str(path), policy)
    averages = {key: _room(there[f'{AVERAGE}{key}'], own[key]) for key in own if f'{AVERAGE}{key}' in there}
    if averages:
        checkpoint['average'] = averages
        read_tensors(path, {f'{AVERAGE}{key}': value for key, value in averages.items()})
    if on_read is not None:
        on_read(checkpoint)
    weights = {key: own[key] for key in keys if key not in resized}
    read_tensors(path, {names[key]: value for key, value in weights.items()})
    weights |= {key: shard_like(resized[key], own[key]) for key in keys if key in resized}
    refuse_bad_numbers({key: local_shard(value) for key, value in weights.items()}, str(path))
    model.load_state_dict(weights, strict=False)  # modules that keep track of what was loaded see it
    return report_of(str(path), keys, list(resized), own, shapes)


def read_whole(path: Path) -> dict:
    """A sharded checkpoint as a file has it: with the weights, ``state_dict``, and their moving average; without optimizer.

    Raises:
        DamagedCheckpointError: as in `load_sharded`.
    """
    sums = _read_plain(path)[CHECKSUMS]
    _refuse_damage(path, sums, _checksums(path, sums))
    stored = {key: entry for key, entry in _stored(path).items() if not key.startswith(OPTIMIZER)}
    tensors = {key: torch.empty(entry.size, dtype=entry.properties.dtype) for key, entry in stored.items()}
    read_tensors(path, tensors)
    return {
        name: {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}
        for name, prefix in (('state_dict', MODEL), ('average', AVERAGE))
    }


def _read_plain(path: Path) -> dict:
    if not (path / PLAIN).is_file():
        raise DamagedCheckpointError(f'{path} is no sharded checkpoint: it has no {PLAIN}')
    content = load_checkpoint(path / PLAIN)
    if CHECKSUMS not in content:
        raise DamagedCheckpointError(f'{path} is no sharded checkpoint: its {PLAIN} has no {CHECKSUMS}')
    return content


def _own_share(names: Iterable[str] | Path) -> list[str]:
    """The files, or those of a folder, that this process reads for their checksums."""
    names = [file.name for file in names.iterdir()] if isinstance(names, Path) else names
    rank, world = get_dist_info()
    return sorted(names)[rank::world]


def _checksums(folder: Path, names: Iterable[str]) -> dict[str, int | None]:
    """CRC-32 of files by name; None of those that cannot be read."""
    sums: dict[str, int | None] = {}
    for name in names:
        try:
            with open(folder / name, 'rb') as file:
                number = 0
                while block := file.read(_BLOCK):
                    number = zlib.crc32(block, number)
        except OSError:
            number = None
        sums[name] = number
    return sums


def _verify(path: Path, sums: Mapping[str, int]) -> None:
    """Hold all files against their checksums; every process calls it and reads its share of them."""
    parts = all_gather_object(_checksums(path, _own_share(sums)))
    _refuse_damage(path, sums, {name: number for part in parts for name, number in part.items()})


def _refuse_damage(path: Path, sums: Mapping[str, int], read: Mapping[str, int | None]) -> None:
    for name in sorted(sums):
        if read[name] != sums[name]:
            why = 'cannot be read' if read[name] is None else 'is not what was written'
            raise DamagedCheckpointError(f'the checkpoint {path} is damaged: {name} in it {why}')


def _read_resized(
    model: nn.Module, path: Path, own: dict[str, Tensor], shapes: dict[str, torch.Size], names: dict[str, str]
) -> dict[str, Tensor]:
    """What `resample_to` makes of weights that the model has in another size. names: of the weights in the file."""
    other = {key: torch.empty(shape) for key, shape in shapes.items() if key in own and shape != own[key].shape}
    if not other:
        return {}
    read_tensors(path, {names[key]: value for key, value in other.items()})
    return {key: resample_to(model, key, value, own[key]) for key, value in other.items()}


def _room(shape: torch.Size, like: Tensor) -> Tensor:
    """For a value that is read: sharded as a tensor of its shape is, else whole."""
    return torch.empty_like(like) if shape == like.shape else torch.empty(shape)


def shapes_in(path: Path) -> dict[str, torch.Size]:
    """Names and shapes of the tensors of a sharded checkpoint."""
    return {key: tensor.size for key, tensor in _stored(path).items()}


def _stored(path: Path) -> dict[str, TensorStorageMetadata]:
    return HuggingFaceStorageReader(str(path)).read_metadata().state_dict_metadata


def read_tensors(path: Path, into: dict[str, Any]) -> None:
    """Fill tensors, sharded or whole, from a sharded checkpoint, by name; every process calls it."""
    dcp.load(into, storage_reader=HuggingFaceStorageReader(str(path)))


def read_optimizer(path: Path, optimizer: torch.optim.Optimizer) -> dict[int, dict[str, Tensor]]:
    """The optimizer's state by the number of the parameter, each tensor sharded as its parameter is."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group['params']]
    wanted = {}
    for key, shape in shapes_in(path).items():
        if key.startswith(OPTIMIZER):
            wanted[key] = _room(shape, parameters[int(key.split('.')[1])])
    read_tensors(path, wanted)
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in wanted.items():
        _, index, name = key.split('.', 2)
        state.setdefault(int(index), {})[name] = value.detach()
    return state
