"""From a work directory to a model folder with a card, and from there to the hub."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checkpoints.find import read_best
from ..config.load import load_config, type_name
from ..model import MPlug2
from ..pretrained import CARD, CONFIG, VOCABS, WEIGHTS, ModelFolderError, folder_files
from ..version import __version__
from .sources import config_beside, from_config

UPLOADED = [CONFIG, WEIGHTS, CARD, *VOCABS]

_CARD = """---
library_name: mplug2
tags: {tags}
model-index: {index}
---

# {name}

- tasks: {tasks}
- parameters: {parameters:,}
- trained on: {train}
- trained by: {training}
- reads: {reads}
{classes}- written by mplug2 {version}

{numbers}

```python
from mplug2 import Inferencer

model = Inferencer('{name}')
```
"""


def publish(
    work_dir: str | Path, folder: str | Path, *, config: str | Path | None = None, measured_by: str | None = None
) -> Path:
    """Write the best checkpoint of a work directory, or else its latest, as a model folder.

    The card states tasks, data and the best validation score, with who measured it and how. A card that is there is replaced.

    Args:
        config: where the work directory has none or several. measured_by: a name for the card; if None it says that the
            training run measured.

    Raises:
        CheckpointError: no checkpoint or config there. ModelFolderError: a detector, which has no model folder.
    """
    config = config or config_beside(Path(work_dir))
    cfg, model = load_config(config), from_config(config, work_dir)
    if not isinstance(model, MPlug2):
        raise ModelFolderError(f'{work_dir} holds a detector of mmdet: publish its checkpoint and config, as mmdet does')
    recipe = f'`{Path(config).stem}`, stored in the work directory; seed {(cfg.get("randomness") or {}).get("seed")}'
    return model.save_pretrained(folder, card_of(model, cfg, Path(folder).name, read_best(work_dir), measured_by, recipe))


def card_of(
    model: MPlug2, cfg: Mapping[str, Any], name: str, best: Mapping[str, Any] | None, measured_by: str | None, recipe: str
) -> str:
    """The card of a trained model. best: of `read_best`. recipe: what trained it."""
    tasks = {task: type(part).__name__ for task, part in model.tasks.items()}
    validation = ', '.join(data_of(cfg.get('val_dataloader'))) or 'its validation data'
    numbers, results = 'No score was measured in training.', []
    if best is not None:
        by = measured_by or f'the training run itself, with mplug2 {__version__}'
        cells = (best['metric'], f'{best["score"]:.4g}', validation, f'{best["iter"]:,}')
        numbers = f'| metric | value | data | step |\n|---|---|---|---|\n| {" | ".join(cells)} |\n\n'
        numbers += f'Measured by {by}: the best of the validations during training, by which this '
        numbers += 'checkpoint was chosen. It is no result on test data.'
        metrics = [dict(type=best['metric'], value=best['score'])]
        for kind in dict.fromkeys(tasks.values()):
            results.append(dict(task=dict(type=kind), dataset=dict(name=validation, type=validation), metrics=metrics))
    return _CARD.format(
        name=name,
        tags=json.dumps(['mplug2', *dict.fromkeys(tasks.values())]),
        index=json.dumps([dict(name=name, results=results)]),
        tasks=', '.join(f'{task} ({kind})' for task, kind in tasks.items()),
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        train=', '.join(data_of(cfg.get('train_dataloader'))) or 'not stated in the config',
        training=recipe,
        reads='; '.join(reads_of(model)) or 'texts',
        classes=''.join(f'- classes of {task}: {_few(names)}\n' for task, names in model.class_names.items()),
        version=__version__,
        numbers=numbers,
    )


def reads_of(model: MPlug2) -> list[str]:
    """How images and clips become frames, a line a medium: the steps of its pipeline with their numbers."""
    lines = []
    for medium in ('image', 'video'):
        steps = model.preprocessing.get(medium) or []
        numbers = [
            {key: value for key, value in step.items() if isinstance(value, int) and value is not False} for step in steps
        ]
        named = [f'{type_name(step)}{_arguments(values)}' for step, values in zip(steps, numbers, strict=True)]
        lines += [f'{medium}: {", ".join(named)}'] if named else []
    return lines


def _arguments(values: Mapping[str, Any]) -> str:
    return f'({", ".join(f"{key}={value}" for key, value in values.items())})' if values else ''


def _few(names: Sequence[str], limit: int = 20) -> str:
    more = f', and {len(names) - limit} more' if len(names) > limit else ''
    return ', '.join(map(str, names[:limit])) + more


def data_of(loader: Mapping[str, Any] | None) -> list[str]:
    """The data sets of a loader's config, each as its class and annotation file."""
    return list(dict.fromkeys(_data_of((loader or {}).get('dataset') or {})))


def _data_of(dataset: Mapping[str, Any]) -> Iterator[str]:
    inner = [source['dataset'] for source in (dataset.get('sources') or {}).values()] or list(dataset.get('datasets') or [])
    inner += [dataset['dataset']] if dataset.get('dataset') else []
    for each in inner:
        yield from _data_of(each)
    if not inner and 'type' in dataset:
        file = dataset.get('ann_file')
        yield f'{type_name(dataset)} (`{Path(file).name}`)' if isinstance(file, (str, Path)) else type_name(dataset)


def push(folder: str | Path, name: str, *, private: bool = False) -> str:
    """Upload a model folder to the hub, as whom ``huggingface_hub`` is logged in; returns its address.

    Args:
        name: 'owner/name'; the repository is made if it is not there.

    Raises:
        ModelFolderError: the folder is none, or the upload failed.
    """
    from huggingface_hub import HfApi

    if not Path(folder).is_dir() or folder_files(folder) is None:
        raise ModelFolderError(f'{folder} is no model folder (one holds {CONFIG} and {WEIGHTS}): write one with mplug2 publish')
    api = HfApi()
    try:
        api.create_repo(name, private=private, exist_ok=True)
        return str(api.upload_folder(repo_id=name, folder_path=str(folder), allow_patterns=UPLOADED))
    except (OSError, ValueError) as error:
        raise ModelFolderError(f'{folder} could not be pushed to {name}: {str(error).splitlines()[0]}') from error
