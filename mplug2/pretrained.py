"""Model folders: a model as data that loads anywhere. Loading one executes nothing that the folder brings.

A folder holds ``config.json`` (registered names and plain arguments), ``model.safetensors``, the vocabulary where it is not one
of the package's, and ``README.md``, the model card.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, TypeVar

from safetensors.torch import save
from torch import nn

from .checkpoints.errors import CheckpointError
from .checkpoints.files import read_state, write_state
from .checkpoints.find import FILENAMES, SHIPPED
from .checkpoints.load import Policy, load
from .checkpoints.loading import matches
from .registry import MODELS, TASKS, TOKENIZERS, TRANSFORMS, NotRegistered, Registry
from .utils.files import replace_file, write_text
from .version import __version__

CONFIG, WEIGHTS, CARD, VOCABS = 'config.json', 'model.safetensors', 'README.md', ('*vocab.txt', '*vocab.json')
ADAPTER_CONFIG, ADAPTER_WEIGHTS = 'adapter_config.json', 'adapter_model.safetensors'
ZOO = SHIPPED.with_name('zoo.json')
P = TypeVar('P', bound='PretrainedModel')
TUPLE = 'tuple'  # the only key of what represents a tuple, which JSON does not have
# Which registries know the names of a section. A task's registry falls back on that of models.
SECTIONS: dict[str, tuple[Registry, ...]] = {'model': (TASKS, TOKENIZERS), 'preprocessing': (TRANSFORMS, TOKENIZERS)}
SCOPES = ('mmaction', 'mmdet')  # packages whose transforms a pipeline may name, as 'mmaction.DecordInit'
_ON_HUB = r'[\w-][\w.-]*/[\w-][\w.-]*(@[\w./-]+)?'
_WEIGHT_FILES = ('.pt', '.pth', '.bin', '.safetensors')
_CARD = """# {name}

A model of the Python package mplug2, written by its version {version}.

- tasks: {tasks}
- parameters: {parameters:,}
- data and measured numbers: not stated by whoever wrote this folder

```python
from mplug2 import Inferencer

model = Inferencer('{name}')
```
"""


class ModelFolderError(CheckpointError):
    """A model folder that cannot be read or written; the message is one sentence for the user."""


class PretrainedModel:
    """Mixin of a model that is saved to a model folder and built from one.

    ``config``: the arguments that the model was built from. ``preprocessing``: how its inputs are made: ``image`` and
    ``video``, pipelines from a file to frames, and ``text``, for each task the steps from a text to tokens.
    ``class_names``: for each classifying task the names of its classes.
    """

    config: dict[str, Any]
    preprocessing: dict[str, Any]
    class_names: dict[str, list[str]]

    def save_pretrained(self, folder: str | Path, card: str | None = None) -> Path:
        """Write the model folder; what only training reads (momentum encoder, queues) is left out.

        Args:
            card: the model card, as Markdown; if None an existing one stays, or a short one is written.

        Raises:
            ModelFolderError: the config holds objects or unregistered classes, or the folder cannot be written.
        """
        folder = Path(folder)
        vocabularies: dict[str, str] = {}
        content = json.dumps(describe(self, vocabularies), indent=1)  # first: it may fail, and then nothing is written
        state = {key: value for key, value in self.state_dict().items() if not is_training_state(self, key)}
        state = {key: value.detach().cpu().clone().contiguous() for key, value in state.items()}
        count = sum(value.numel() for value in state.values())
        if card is None and not (folder / CARD).exists():
            card = _CARD.format(name=folder.name, version=__version__, tasks=', '.join(self.tasks), parameters=count)
        files = {WEIGHTS: save(state, {'format': 'pt'}), CONFIG: content.encode()}
        files |= {name: Path(path).read_bytes() for path, name in vocabularies.items()}
        if card is not None:
            files[CARD] = card.encode()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, data in files.items():
                replace_file(folder / name, lambda file, data=data: file.write(data))
        except OSError as error:
            raise ModelFolderError(f'could not write the model folder {folder}: {error.strerror or error}') from error
        return folder

    def save_adapter(self, folder: str | Path) -> Path:
        """Write what was trained of a model with adapters, without its base: ``adapter_model.safetensors`` and its config.

        Raises:
            ModelFolderError: the model has no adapters.
        """
        if not self.adapter_keys:
            raise ModelFolderError('the model has no adapters to save: give it adapters=dict(modules=[...])')
        folder = Path(folder)
        learned = {name for name, parameter in self.named_parameters() if parameter.requires_grad} | self.adapter_keys
        write_state({key: value for key, value in self.state_dict().items() if key in learned}, folder / ADAPTER_WEIGHTS)
        write_text(folder / ADAPTER_CONFIG, json.dumps(self.adapters, indent=1))
        return folder

    def load_adapter(self, folder: str | Path) -> None:
        """Put adapters that `save_adapter` wrote beside the layers of the same base.

        Raises:
            CheckpointError: no such files, or they are of another model.
        """
        folder = Path(folder)
        if not (folder / ADAPTER_CONFIG).is_file():
            raise ModelFolderError(f'{folder} holds no adapter: one has {ADAPTER_CONFIG} and {ADAPTER_WEIGHTS}')
        if not self.adapter_keys:
            self.adapters = json.loads((folder / ADAPTER_CONFIG).read_text(encoding='utf-8-sig'))
            self.add_adapters()
        state, own = read_state(folder / ADAPTER_WEIGHTS), self.state_dict()
        wrong = [key for key in state if key not in own or own[key].shape != state[key].shape]
        if wrong or self.adapter_keys - set(state):
            raise CheckpointError(f'{folder} holds adapters of another model: {", ".join(wrong[:3]) or "some are missing"}')
        self.load_state_dict(state, strict=False)

    @classmethod
    def from_pretrained(cls: type[P], source: str | Path) -> P:
        """The model of a folder, here or on the hub ('owner/name', 'owner/name@revision'), or of a name that this package has
        weights of, in evaluation mode.

        Raises:
            ModelFolderError: no such folder, or its config is damaged. CheckpointError: its weights are, or do not fit.
            NotRegistered: the config names a class that no registry knows.
        """
        files = folder_files(source)
        if files is None:
            raise ModelFolderError(
                f'{source} is no model folder (one holds {CONFIG} and {WEIGHTS}) and no shipped model '
                f'({", ".join(shipped_names())})'
            )
        config, weights = files
        try:
            stored = json.loads(config.read_text(encoding='utf-8-sig'))
            sections = {name: stored[name] for name in SECTIONS}
        except (ValueError, KeyError) as error:
            raise ModelFolderError(f'{config} is no config of a model folder: {type(error).__name__}: {error}') from None
        sections = {name: _to_classes(value, SECTIONS[name], config) for name, value in sections.items()}
        kind = sections['model'].get('type')
        if not (isinstance(kind, type) and issubclass(kind, cls)):
            raise ModelFolderError(f"{config}: the model's type is to be {cls.__name__}")
        model = MODELS.build(sections['model'])
        model.preprocessing, model.class_names = sections['preprocessing'], stored.get('class_names', {})
        load(model, weights, Policy.TEST)
        return model.eval()


def folder_files(source: str | Path) -> tuple[Path, Path] | None:
    """Config and weights of a model folder, shipped name, or model folder on the hub; None where `source` is none.

    Raises:
        ModelFolderError: the hub has no such model, or cannot be reached.
    """
    folder = Path(source)
    if (folder / CONFIG).is_file():
        return folder / CONFIG, folder / WEIGHTS
    shipped = SHIPPED / f'{source}.json'
    if not folder.exists() and str(source) in shipped_names() and shipped.is_file():  # a detector's is a config file
        return shipped, SHIPPED / f'{source}.safetensors'
    if not folder.exists() and re.fullmatch(_ON_HUB, str(source)) and folder.suffix not in _WEIGHT_FILES:
        folder = _from_hub(str(source))
        return folder / CONFIG, folder / WEIGHTS
    return None


def _from_hub(name: str) -> Path:
    """The local copy of a model folder on the hub."""
    from huggingface_hub import snapshot_download

    repository, _, revision = name.partition('@')
    # Data alone, nothing that could run: a folder of ours, or of transformers, whose weights may be in several files.
    data, older = ['*.json', '*vocab.txt', 'model*.safetensors'], [FILENAMES[-1]]
    try:
        folder = Path(snapshot_download(repository, revision=revision or None, allow_patterns=data))
        if not _has_weights(folder):
            folder = Path(snapshot_download(repository, revision=revision or None, allow_patterns=data + older))
    except (OSError, ValueError) as error:
        raise ModelFolderError(
            f'no model {name}: neither a local file or folder, nor on the hub ({str(error).splitlines()[0]})'
        ) from error
    if not (folder / CONFIG).is_file() or not _has_weights(folder):
        raise ModelFolderError(f'{name} on the hub is no model folder: one holds {CONFIG} and {WEIGHTS}')
    return folder


def _has_weights(folder: Path) -> bool:
    return any((folder / name).is_file() for name in FILENAMES)


def shipped_names() -> list[str]:
    """Names of the models that this package has weights and a config of."""
    return [model['name'] for model in zoo() if model['where'] == 'package']


def zoo() -> list[dict[str, Any]]:
    """The models that go by a name.

    Each has ``name``, ``where`` ('package' or 'hub'), ``config``, ``data``, ``training`` (how long, on what),
    ``commit``, ``measured_by``, and ``results``, each with ``command``, ``metric`` and ``value``. Those of the package also
    have ``commands``, which make the weights.
    """
    return json.loads(ZOO.read_text(encoding='utf-8'))


def describe(model: PretrainedModel, vocabularies: dict[str, str] | None = None) -> dict[str, Any]:
    """What ``config.json`` holds of a model.

    Args:
        vocabularies: gets path -> name in the folder of the vocabulary files that have to be there.

    Raises:
        ModelFolderError: as in `PretrainedModel.save_pretrained`.
    """
    vocabularies = {} if vocabularies is None else vocabularies
    config = {'type': type(model), **{key: value for key, value in model.config.items() if value is not None}}
    config['tasks'] = {name: _task_config(cfg, model.tasks[name]) for name, cfg in config['tasks'].items()}
    return {
        'version': __version__,
        'model': _to_names(config, SECTIONS['model'], vocabularies, 'model'),
        'preprocessing': _to_names(model.preprocessing, SECTIONS['preprocessing'], vocabularies, 'preprocessing'),
        'class_names': {name: list(names) for name, names in model.class_names.items()},
    }


def _task_config(cfg: Mapping[str, Any], task: nn.Module) -> dict[str, Any]:
    cfg = type(task).for_prediction(dict(cfg))
    for key in ('names', 'answers'):  # lists that a task read from a file go into the config themselves
        if isinstance(cfg.get(key), str):
            cfg[key] = list(getattr(task, key))
    return cfg


def is_training_state(model: PretrainedModel, key: str) -> bool:
    """Whether a weight is of what only training reads of a task (`Task.training_state`)."""
    return any(matches(key, [f'tasks.{name}.{part}' for part in task.training_state]) for name, task in model.tasks.items())


def _to_names(value: Any, registries: tuple[Registry, ...], vocabularies: dict[str, str], where: str) -> Any:
    """A config with classes -> plain data with registered names.

    Raises:
        ModelFolderError: something has no such form; says where.
    """
    if isinstance(value, Mapping):
        plain = {}
        for key, item in value.items():
            if key == 'type':
                item = _name_of(item, registries, where)
            elif key == 'vocab' and isinstance(item, (str, Path)) and Path(item).is_file():
                number = f'{len(vocabularies)}_' if vocabularies else ''
                item = vocabularies.setdefault(str(item), f'{number}vocab{Path(item).suffix}')
            plain[str(key)] = _to_names(item, registries, vocabularies, f'{where}.{key}')
        return plain
    if isinstance(value, (list, tuple)):
        plain = [_to_names(item, registries, vocabularies, f'{where}[{place}]') for place, item in enumerate(value)]
        return plain if isinstance(value, list) else {TUPLE: plain}  # some transforms take a tuple and no list
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Path):
        return str(value)
    raise ModelFolderError(f'{where} is a {type(value).__name__}: a stored config holds registered names and plain data only')


def _name_of(kind: Any, registries: tuple[Registry, ...], where: str) -> str:
    if isinstance(kind, str):  # of a config of ours, which may name a class by its module
        for registry in registries:
            try:
                kind = registry.find(kind)
                break
            except NotRegistered:
                continue
    for name, other in _registered(registries):
        if other is kind:
            return name
    scope = getattr(kind, '__module__', '').partition('.')[0]
    if scope in SCOPES:
        return f'{scope}.{kind.__name__}'
    raise ModelFolderError(f'{where}.type is {kind!r}, which is not registered: a stored config names registered classes only')


def _registered(registries: tuple[Registry, ...]) -> Iterator[tuple[str, Callable]]:
    """Names and classes, those first that a look-up meets first."""
    for registry in registries:
        registry.import_from_location()
        level = registry
        while level is not None:
            yield from level.module_dict.items()
            level = level.parent


def _to_classes(value: Any, registries: tuple[Registry, ...], config: Path) -> Any:
    """Plain data of a downloaded config -> the same with classes for names.

    Names are looked up in the registries' tables and nowhere else: MMEngine's own look-up imports any module that a name
    spells (``type: os.system``).

    Raises:
        NotRegistered: a name that no table has. ModelFolderError: a key that would read further files.
    """
    if isinstance(value, dict) and value.keys() == {TUPLE}:
        return tuple(_to_classes(item, registries, config) for item in value[TUPLE])
    if isinstance(value, dict):
        if 'init_cfg' in value:
            raise ModelFolderError(f'{config} has an init_cfg: the weights of a model folder are beside it')
        built = {key: _to_classes(item, registries, config) for key, item in value.items()}
        if 'type' in value:
            built['type'] = _class_of(value['type'], registries)
        vocab = value.get('vocab')
        if isinstance(vocab, str) and re.fullmatch(r'[\w.-]+', vocab) and (config.parent / vocab).is_file():
            built['vocab'] = str(config.parent / vocab)
        return built
    if isinstance(value, list):
        return [_to_classes(item, registries, config) for item in value]
    return value


def _class_of(name: Any, registries: tuple[Registry, ...]) -> Callable:
    scope, _, bare = str(name).rpartition('.')
    if scope in SCOPES:
        tables = (import_module(f'{scope}.registry').TRANSFORMS,)
    else:
        tables, bare = registries, str(name)
    known = {}
    for registered, kind in _registered(tables):
        known.setdefault(registered, kind)
    if bare not in known:
        raise NotRegistered(registries[0]._not_found(str(name)))
    return known[bare]
