"""Weight files: read without unpickling anything but plain data, and written all or nothing."""

from __future__ import annotations

import argparse
import re
import shutil
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.runner.checkpoint import CheckpointLoader
from torch import Tensor

from ..utils.files import replace_file
from .errors import CheckpointError, DamagedCheckpointError
from .find import SHARDS, find_weights, parts_of

# Where published files keep the weights inside their dict.
WRAPPERS = ('state_dict', 'model', 'module')
ORIGIN = 'origin'  # key in the header of a safetensors file
# What scripts store beside weights and is data too: their arguments, and numbers of NumPy, under its old and new names.
_PLAIN = [
    argparse.Namespace,
    np.ndarray,
    np.dtype,
    *(type(np.dtype(letter)) for letter in '?bhilqBHILQefd'),
    *(
        (getattr(np._core.multiarray, name), f'numpy.{core}.multiarray.{name}')
        for name in ('scalar', '_reconstruct')
        for core in ('core', '_core')
    ),
]


def load_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict:
    """Read a checkpoint without unpickling anything but plain data; a sharded one with all of its weights (`read_whole`).

    Raises:
        CheckpointError: no such file, or one that holds more than plain data. DamagedCheckpointError: it is truncated, or of
            another kind, or (of those that `save_checkpoint` wrote) not what was written.
    """
    path = Path(path)
    if not path.exists():
        near = sorted(other.name for other in path.parent.glob(f'*{path.suffix or ".pth"}')) if path.parent.is_dir() else []
        there = f'; there are {", ".join(near)}' if near else ''
        raise CheckpointError(f'no checkpoint {path}{there}')
    if path.suffix == f'.{SHARDS}':
        from .sharded import read_whole

        return read_whole(path)
    try:
        if path.suffix == '.safetensors' or parts_of(path):
            from safetensors.torch import load_file

            return {key: value for part in parts_of(path) or [path] for key, value in load_file(part).items()}
        with torch.serialization.safe_globals(_PLAIN):
            content = torch.load(path, map_location=map_location, weights_only=True)
        if isinstance(content, Mapping) and isinstance(content.get('meta'), Mapping) and 'mplug2_version' in content['meta']:
            changed = _changed(path)
            if changed is not None:
                raise ValueError(f'{changed} in it is not what was written')
        return content
    except Exception as error:  # the readers have no exception of their own: zip, unpickling, end of file, ...
        kind = DamagedCheckpointError
        if path.stat().st_size == 0:
            why = 'the file is empty'
        elif 'TorchScript' in str(error):
            kind = CheckpointError
            why = (
                'it is a TorchScript archive, which is a program and not only weights (OpenAI publishes CLIP so): take the '
                'weights out with tools/weights/torchscript_to_safetensors.py'
            )
        elif zipfile.is_zipfile(path) and (changed := _changed(path)) is not None:
            why = f'it is damaged ({changed} in it is not what was written)'
        elif 'Unsupported' in str(error) or 'weights_only' in str(error).lower():
            kind = CheckpointError
            named = re.search(r'GLOBAL (\S+)', str(error))
            why = (
                f'it holds Python objects beside tensors and numbers{f" ({named[1]})" if named else ""}, which are not loaded '
                'for safety. If you trust it, write its weights alone, where these objects can be imported: '
                "torch.save(torch.load(FILE, weights_only=False)['state_dict' or whatever it calls them], NEW)"
            )
        else:
            why = f'it is damaged or not a checkpoint ({(str(error).splitlines() or [type(error).__name__])[0][:120]})'
        raise kind(f'cannot read the checkpoint {path}: {why}') from error


def _changed(path: Path) -> str | None:
    """The first part of an archive that has not the checksum noted in it: torch writes one of each tensor and ignores it."""
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def read_state(source: str | Path | Mapping[str, Tensor], average: bool = True) -> dict[str, Tensor]:
    """The weights of a file, folder, hub repository or dict, without the wrappers that training code puts around them.

    Args:
        average: of a run with `AverageWeights`, the averaged weights, which its validation scored, and not the last.

    Raises:
        CheckpointError: none there, unreadable, or no weights in it.
    """
    content = source if isinstance(source, Mapping) else load_checkpoint(find_weights(source))
    averages = content.get('average') if isinstance(content.get('state_dict'), Mapping) else None
    averages = averages if isinstance(averages, Mapping) else {}
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    state = strip_prefixes({key: value for key, value in content.items() if isinstance(value, Tensor)})
    if not state:
        what = 'the given dict' if isinstance(source, Mapping) else source
        raise CheckpointError(f'no tensors in {what}; it has the keys {sorted(map(str, content))[:8]}')
    return state | averages if average else state


def strip_prefixes(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Without what training code puts before keys: DDP ``module.``, torch.compile ``_orig_mod.``, Lightning ``model.``."""
    state = {key.removeprefix('module.').replace('_orig_mod.', ''): value for key, value in state.items()}
    lightning = all(key.startswith('model.') for key in state)
    return {key.removeprefix('model.'): value for key, value in state.items()} if lightning else state


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


def read_origin(path: Path) -> str | None:
    """Name of the file that weights were converted from, as `write_state` noted it; None where nothing is noted."""
    from safetensors import safe_open

    if path.suffix != '.safetensors':
        return None
    try:
        with safe_open(path, 'pt') as file:
            return (file.metadata() or {}).get(ORIGIN)
    except Exception:  # the reader has no exception of its own; whoever reads the weights says what is wrong
        return None


def write_state(state: Mapping[str, Tensor], path: str | Path, origin: str | None = None) -> None:
    """Write weights as safetensors, all or nothing.

    Args:
        origin: name of the file that they were converted from, kept in the header.

    Raises:
        CheckpointError: the name does not end in .safetensors, or the file could not be written.
    """
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != '.safetensors':
        raise CheckpointError(f'weights are written as .safetensors, so {path} needs that ending')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: file.write(save(_apart(state), None if origin is None else {ORIGIN: origin})))
    except OSError as error:
        raise CheckpointError(f'could not write {path}: {error.strerror or error}') from error


def _apart(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors that share no storage: the format refuses tied weights and slices of a fused one."""
    apart: dict[str, Tensor] = {}
    seen: set[int] = set()
    for key, value in state.items():
        tensor = value.detach().cpu().contiguous()
        storage = tensor.untyped_storage()
        if storage.nbytes() != tensor.nbytes or storage.data_ptr() in seen:
            tensor = tensor.clone()
        seen.add(tensor.untyped_storage().data_ptr())
        apart[key] = tensor
    return apart


@CheckpointLoader.register_scheme(prefixes='', force=True)
def _load_local(filename: str, map_location: Any = None) -> dict:
    """Makes every local file that MMEngine's own initialisers read (``Pretrained``) go through the safe loader."""
    return load_checkpoint(filename, map_location or 'cpu')
