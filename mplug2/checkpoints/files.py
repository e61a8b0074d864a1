"""Weight files: read without unpickling anything but plain data, written all or nothing, found locally, in this package or on
the hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..utils.files import replace_file

SHARDS = 'shards'  # ending of the folder of a sharded checkpoint
BEST = 'best.json'  # which checkpoint of a work directory scored best, on what, and how much
# What a folder or a hub repository calls its weights, the preferred first.
FILENAMES = ('model.safetensors', 'pytorch_model.bin')
# Where published files keep the weights inside their dict.
WRAPPERS = ('state_dict', 'model', 'module')
SHIPPED = Path(__file__).with_name('shipped')


class CheckpointError(RuntimeError):
    """Weights that cannot be read, written or loaded; the message is one sentence for the user."""


def load_checkpoint(path: str | Path, map_location: Any = 'cpu') -> dict:
    """Read a checkpoint without unpickling anything but plain data.

    Raises:
        CheckpointError: no such file, or one that is truncated, or of another kind, or that holds more than plain data.
    """
    path = Path(path)
    if not path.exists():
        near = sorted(other.name for other in path.parent.glob(f'*{path.suffix or ".pth"}')) if path.parent.is_dir() else []
        there = f'; there are {", ".join(near)}' if near else ''
        raise CheckpointError(f'no checkpoint {path}{there}')
    try:
        if path.suffix == '.safetensors':
            from safetensors.torch import load_file

            return load_file(path)
        return torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # the readers have no exception of their own: zip, unpickling, end of file, ...
        if path.stat().st_size == 0:
            why = 'the file is empty'
        elif 'TorchScript' in str(error):
            why = (
                'it is a TorchScript archive, which is a program and not only weights (OpenAI publishes CLIP so): take the '
                'weights out with tools/weights/torchscript_to_safetensors.py'
            )
        elif 'Unsupported' in str(error) or 'weights_only' in str(error).lower():
            why = 'it holds Python objects beside tensors and numbers, which are not loaded for safety'
        else:
            why = f'it is damaged or not a checkpoint ({(str(error).splitlines() or [type(error).__name__])[0][:120]})'
        raise CheckpointError(f'cannot read the checkpoint {path}: {why}') from error


def find_weights(source: str | Path) -> Path:
    """The file of a local path, of a work directory (`checkpoint_of`), of another folder (`FILENAMES`, or its only weight
    file), of a name that this package has weights of (``mplug2_tiny``) or of a hub repository.

    A path that can only be local is returned even if nothing is there.

    Raises:
        CheckpointError: the hub has none, or a folder has none or several.
    """
    path = Path(source)
    if path.is_file():
        return path
    if path.is_dir():
        path = best_checkpoint(path) or latest_checkpoint(path) or path
        if path.is_file():
            return path
        if path.suffix == f'.{SHARDS}':
            raise CheckpointError(
                f'{path} is a sharded checkpoint, from which runs start (load_from); for one file of its weights there is '
                'tools/weights/publish_model.py'
            )
        for name in FILENAMES:
            if (path / name).is_file():
                return path / name
        files = sorted(file for file in path.iterdir() if file.suffix in ('.safetensors', '.bin', '.pt', '.pth'))
        if len(files) == 1:
            return files[0]
        found = ', '.join(file.name for file in files) or 'no weight file'
        raise CheckpointError(f'the folder {path} holds {found}; name one file, or keep one of {", ".join(FILENAMES)} there')
    shipped = SHIPPED / f'{path.name}.safetensors'
    if str(source) == path.name and shipped.is_file():
        return shipped
    looks_local = path.is_absolute() or path.suffix in ('.pt', '.pth', '.bin', '.safetensors') or str(source).count('/') > 1
    if looks_local:
        return path  # reading it says what is wrong
    from transformers.utils import cached_file

    failures = []
    for name in FILENAMES:
        try:
            return Path(cached_file(str(source), name))
        except OSError as error:
            failures.append(str(error).splitlines()[0])
    raise CheckpointError(f'no weights {source}: neither a local file or folder, nor on the hub ({failures[0]})')


def checkpoint_of(source: str | Path) -> Path:
    """Of a work directory its best checkpoint, or else its latest; any other source as it is.

    Raises:
        CheckpointError: the folder has neither.
    """
    path = Path(source)
    if not path.is_dir() or path.suffix == f'.{SHARDS}':
        return path
    found = best_checkpoint(path) or latest_checkpoint(path)
    if found is None:
        raise CheckpointError(f'no checkpoint in {source}: has training run there?')
    return found


def latest_checkpoint(folder: str | Path) -> Path | None:
    """The training checkpoint of a work directory after most steps, or None."""
    return max(training_checkpoints(folder), key=lambda path: (step_of(path), path.stat().st_mtime_ns), default=None)


def training_checkpoints(folder: str | Path) -> list[Path]:
    """The files, and folders of sharded ones, from which the training of a work directory can go on."""
    found = [path for ending in ('pth', SHARDS) for path in Path(folder).glob(f'iter_*.{ending}')]
    return [path for path in found if step_of(path) >= 0]


def step_of(path: Path) -> int:
    """Steps done at a checkpoint, by its name (``iter_500.pth``, ``best_accuracy_iter_500.pth``); -1 if it has none."""
    number = path.stem.rpartition('iter_')[2]
    return int(number) if number.isdecimal() else -1


def best_checkpoint(folder: str | Path) -> Path | None:
    """The best checkpoint of a work directory by its task's metric, or None."""
    record = read_best(folder)
    return Path(folder) / record['file'] if record else None


def read_best(folder: str | Path) -> dict | None:
    """``dict(file, metric, score, iter)`` of the best checkpoint of a work directory, or None."""
    path = Path(folder) / BEST
    if not path.exists():
        return None
    record = json.loads(path.read_text())
    return record if (Path(folder) / record['file']).exists() else None


def write_best(folder: str | Path, record: dict) -> None:
    """Note which checkpoint is the best; the inverse of `read_best`."""
    replace_file(Path(folder) / BEST, lambda file: file.write(json.dumps(record, indent=1).encode()))


def read_state(source: str | Path | Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights of a file, folder, hub repository or dict, without the wrappers that training code puts around them.

    Raises:
        CheckpointError: none there, unreadable, or no weights in it.
    """
    content = source if isinstance(source, Mapping) else load_checkpoint(find_weights(source))
    for wrapper in WRAPPERS:
        if isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
            break
    state = {key.removeprefix('module.'): value for key, value in content.items() if isinstance(value, Tensor)}
    if not state:
        what = 'the given dict' if isinstance(source, Mapping) else source
        raise CheckpointError(f'no tensors in {what}; it has the keys {sorted(map(str, content))[:8]}')
    return state


def write_state(state: Mapping[str, Tensor], path: str | Path) -> None:
    """Write weights as safetensors, all or nothing.

    Raises:
        CheckpointError: the name does not end in .safetensors, or the file could not be written.
    """
    from safetensors.torch import save

    path = Path(path)
    if path.suffix != '.safetensors':
        raise CheckpointError(f'weights are written as .safetensors, so {path} needs that ending')
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: file.write(save(_apart(state))))
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
