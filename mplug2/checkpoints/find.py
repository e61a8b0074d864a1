"""Where weights are: files and folders, work directories, weights of this package, the hub."""

from __future__ import annotations

import json
import re
import shutil
from difflib import get_close_matches
from pathlib import Path

from ..utils.files import replace_file
from .errors import CheckpointError, DamagedCheckpointError

SHARDS = 'shards'  # ending of the folder of a sharded checkpoint
BEST = 'best.json'  # which checkpoint of a work directory scored best, on what, and how much
BEST_FILE = re.compile(r'best_[^/\\]+_iter_\d+\.pth')
INDICES = ('model.safetensors.index.json', 'pytorch_model.bin.index.json')  # of weights in several files
# What a folder or a hub repository calls its weights, the preferred first.
FILENAMES = ('model.safetensors', INDICES[0], 'pytorch_model.bin', INDICES[1])
SHIPPED = Path(__file__).with_name('shipped')
SHIPPED_NAMES = sorted(file.stem for file in SHIPPED.glob('*.safetensors'))


def find_weights(source: str | Path) -> Path:
    """The file, or folder of a sharded checkpoint (``*.shards``), that a source names.

    Args:
        source: a local path; a work directory (its best checkpoint, or else its latest); another folder (`FILENAMES`, or its
            only weight file); a name that this package has weights of (``mplug2_tiny``); or a hub repository.

    A path that can only be local is returned even if nothing is there.

    Raises:
        CheckpointError: the hub has none, or a folder has none or several.
    """
    path = Path(source)
    if path.is_file() or path.suffix == f'.{SHARDS}':
        return path
    if path.is_dir():
        return _in_folder(path)
    shipped = SHIPPED / f'{path.name}.safetensors'
    if str(source) == path.name and shipped.is_file():
        return shipped
    near = [] if '/' in str(source) or path.suffix else get_close_matches(str(source), SHIPPED_NAMES, cutoff=0.7)
    if near:
        raise CheckpointError(f'no weights {source}: neither a file nor a shipped name; did you mean {" or ".join(near)}?')
    looks_local = path.is_absolute() or path.suffix in ('.pt', '.pth', '.bin', '.safetensors') or str(source).count('/') > 1
    return path if looks_local else _on_hub(str(source))  # reading a path says what is wrong


def _in_folder(folder: Path) -> Path:
    checkpoint = best_checkpoint(folder) or latest_checkpoint(folder)
    if checkpoint is not None:
        return checkpoint
    for name in FILENAMES:
        if (folder / name).is_file():
            return folder / name
    files = sorted(file for file in folder.iterdir() if file.suffix in ('.safetensors', '.bin', '.pt', '.pth'))
    if len(files) == 1:
        return files[0]
    if not files:
        raise CheckpointError(f'no checkpoint in {folder}: has training run there?')
    held = ', '.join(file.name for file in files)
    raise CheckpointError(f'the folder {folder} holds {held}; name one file, or keep one of {", ".join(FILENAMES)} there')


def _on_hub(name: str) -> Path:
    from transformers.utils import cached_file

    failures = []
    for filename in FILENAMES:
        try:
            path = Path(cached_file(name, filename))
            for part in parts_of(path):
                cached_file(name, part.name)  # is stored beside the index
            return path
        except OSError as error:
            failures.append(str(error).splitlines()[0])
    raise CheckpointError(f'no weights {name}: neither a local file or folder, nor on the hub ({failures[0]})')


def parts_of(path: Path) -> list[Path]:
    """The files that the index of weights in several files names; of any other file none.

    Raises:
        DamagedCheckpointError: the index is none, or names files that are not beside it.
    """
    if path.name not in INDICES:
        return []
    try:
        names = sorted(set(json.loads(path.read_text(encoding='utf-8-sig'))['weight_map'].values()))
        return [path.with_name(name) for name in names]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedCheckpointError(
            f'{path} is no index of weights, which names for each weight the file beside it ({type(error).__name__}: {error})'
        ) from None


def latest_checkpoint(folder: str | Path) -> Path | None:
    """The training checkpoint of a work directory after most steps, or None."""
    return next(iter(training_checkpoints(folder)), None)


def training_checkpoints(folder: str | Path) -> list[Path]:
    """The files, and folders of sharded ones, from which the training of a work directory can go on, the latest first."""
    paths = [path for ending in ('pth', SHARDS) for path in Path(folder).glob(f'iter_*.{ending}')]
    paths = [path for path in paths if step_of(path) >= 0]
    return sorted(paths, key=lambda path: (step_of(path), path.stat().st_mtime_ns), reverse=True)


def step_of(path: Path) -> int:
    """Steps done at a checkpoint, by its name (``iter_500.pth``, ``best_accuracy_iter_500.pth``); -1 if it has none."""
    number = path.stem.rpartition('iter_')[2]
    return int(number) if number.isdecimal() else -1


def best_checkpoint(folder: str | Path) -> Path | None:
    """The best checkpoint of a work directory by its task's metric, or None."""
    record = read_best(folder)
    return Path(folder) / record['file'] if record else None


def read_best(folder: str | Path) -> dict | None:
    """``dict(file, metric, score, iter)`` of the best checkpoint of a work directory, or None.

    Raises:
        CheckpointError: the record is damaged, or names another file than a run writes, which the next best would replace.
    """
    path = Path(folder) / BEST
    if not path.exists():
        return None
    try:
        record = json.loads(path.read_text())
        is_own = bool(BEST_FILE.fullmatch(record['file'])) and isinstance(record['iter'] + record['score'], (int, float))
    except (ValueError, KeyError, TypeError, RecursionError):
        is_own = False
    if not is_own:
        raise CheckpointError(
            f'{path} is no record of a run, which holds file (best_METRIC_iter_STEPS.pth, beside it), metric, score and iter: '
            'remove it, or name a checkpoint'
        )
    return record if (Path(folder) / record['file']).exists() else None


def write_best(folder: str | Path, record: dict) -> None:
    """Note which checkpoint is the best; the inverse of `read_best`."""
    replace_file(Path(folder) / BEST, lambda file: file.write(json.dumps(record, indent=1).encode()))


def move_aside(path: Path) -> Path:
    """Take its name from the folder of a sharded checkpoint that is to go; returns where it is now.

    Removed file by file it would for a while be there under its name, half empty. A training that starts removes it.
    """
    aside = path.with_name(f'.{path.stem}.old.{SHARDS}.tmp')
    shutil.rmtree(aside, ignore_errors=True)
    return path.rename(aside)
