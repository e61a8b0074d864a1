"""The registries of mplug2: children of MMEngine's roots under the scope ``mplug2``.

One table declares them. A registry imports its folder at the first look-up, so ``import mplug2`` stays light, and
plug-ins (entry points of the group ``mplug2.plugins``) are imported with it.
"""

from __future__ import annotations

import copy
import difflib
from collections.abc import Mapping
from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

import mmengine.registry as roots

SCOPE = 'mplug2'
PLUGIN_GROUP = 'mplug2.plugins'
PROJECTS = 'mplug2.projects'  # the field's models, whose modules, weight formats and hub models are found like ours

_plugins_loaded = False


def load_plugins(go_on: bool = False) -> list[str]:
    """Import every installed plug-in package, once.

    Args:
        go_on: leave out those that fail, from here on: for commands that look for what is wrong.

    Returns:
        sentences on those that failed.

    Raises:
        ImportError: names the entry point whose import failed.
    """
    global _plugins_loaded
    failures: list[str] = []
    if _plugins_loaded:
        return failures
    _plugins_loaded = True  # set first: a plug-in looks registries up while it is imported
    for entry in entry_points(group=PLUGIN_GROUP):
        try:
            entry.load()
        except (Exception, SystemExit) as error:
            failures.append(f'plug-in {entry.name!r} ({entry.value}, group {PLUGIN_GROUP}) failed to import: {error}')
            if not go_on:
                _plugins_loaded = False
                raise ImportError(failures[-1]) from error
    return failures


class NotRegistered(KeyError):
    """A name that no registry knows; reads as the sentence that it is, without a KeyError's quotes."""

    def __str__(self) -> str:
        return str(self.args[0])


class Registry(roots.Registry):
    """MMEngine's registry, with plug-ins imported on first use and a look-up error that helps."""

    def import_from_location(self) -> None:
        if self._imported:
            return
        self._imported = True  # set first: the modules imported below look their own registry up
        try:
            for location in self._locations:
                import_module(location)
            load_plugins()
        except BaseException:
            self._imported = False  # so that the next look-up reports the failed import too, not of a missing name
            raise

    def build(self, cfg: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        """Build an object from its config.

        Raises:
            NotRegistered: no such type; names near ones, the registries searched and what to import.
        """
        kind = cfg.get('type') if hasattr(cfg, 'get') else None
        if isinstance(kind, str):
            self.find(kind)
        return super().build(cfg, *args, **kwargs)

    def find(self, kind: str) -> Any:
        """The class of that name here or in a parent.

        Raises:
            NotRegistered: as in `build`.
        """
        registered = self.known(kind)
        if registered is None:
            raise NotRegistered(self._not_found(kind))
        return registered

    def known(self, kind: str) -> Any:
        """The class of that name here or in a parent, or None."""
        try:
            return self.get(kind)
        except RuntimeError:  # MMEngine's answer to a dotted name that cannot be imported
            return None

    def _chain(self) -> list[roots.Registry]:
        chain: list[roots.Registry] = [self]
        while chain[-1].parent is not None:
            chain.append(chain[-1].parent)
        return chain

    def _not_found(self, kind: str) -> str:
        chain = self._chain()
        bare = kind.rsplit('.', 1)[-1]
        names = {name for registry in chain for name in registry.module_dict}
        by_lower = {name.lower(): name for name in names}
        near = [by_lower[match] for match in difflib.get_close_matches(bare.lower(), list(by_lower), n=3, cutoff=0.5)]
        elsewhere = [name for name, registry in REGISTRIES.items() if registry is not self and bare in registry.module_dict]
        parts = [f'{kind!r} is not registered as a {self.name}']
        parts.append('searched ' + ' and '.join(f'{registry.scope}::{registry.name}' for registry in chain))
        if near:
            parts.append('did you mean ' + ' or '.join(repr(name) for name in near) + '?')
        if elsewhere:
            parts.append(f'it is registered in {" and ".join(elsewhere)} instead')
        parts.append(
            'a class of your own is found once its module is imported: list the module under custom_imports in the config, '
            f'or give its package an entry point in the group {PLUGIN_GROUP!r}'
        )
        return '; '.join(parts)


# name -> (MMEngine root, locations imported at the first look-up)
_TABLE: dict[str, tuple[str, list[str]]] = {
    'MODELS': (
        'MODELS',
        ['mplug2.modules', 'mplug2.objectives', 'mplug2.networks', 'mplug2.model', 'mplug2.preprocessor', PROJECTS],
    ),
    'TOKENIZERS': ('TASK_UTILS', ['mplug2.text']),
    'DATASETS': ('DATASETS', ['mplug2.datasets']),
    'TRANSFORMS': ('TRANSFORMS', ['mplug2.datasets.transforms']),
    'DATA_SAMPLERS': ('DATA_SAMPLERS', ['mplug2.datasets.sampling.sampler']),
    'FUNCTIONS': ('FUNCTIONS', ['mplug2.datasets.collate']),
    'METRICS': ('METRICS', ['mplug2.evaluation']),
    'RUNNERS': ('RUNNERS', ['mplug2.engine']),
    'LOOPS': ('LOOPS', ['mplug2.engine']),
    'HOOKS': ('HOOKS', ['mplug2.engine']),
    'OPTIMIZERS': ('OPTIMIZERS', []),
    'OPTIM_WRAPPERS': ('OPTIM_WRAPPERS', ['mplug2.engine']),
    'OPTIM_WRAPPER_CONSTRUCTORS': ('OPTIM_WRAPPER_CONSTRUCTORS', ['mplug2.engine']),
    'PARAM_SCHEDULERS': ('PARAM_SCHEDULERS', []),
    'LOG_PROCESSORS': ('LOG_PROCESSORS', ['mplug2.engine']),
    'WEIGHT_INITIALIZERS': ('WEIGHT_INITIALIZERS', ['mplug2.checkpoints']),
    'VISUALIZERS': ('VISUALIZERS', []),
    'VISBACKENDS': ('VISBACKENDS', []),
}

REGISTRIES: dict[str, Registry] = {
    name: Registry(getattr(roots, root).name, parent=getattr(roots, root), scope=SCOPE, locations=locations)
    for name, (root, locations) in _TABLE.items()
}

MODELS = REGISTRIES['MODELS']
TOKENIZERS = REGISTRIES['TOKENIZERS']
DATASETS = REGISTRIES['DATASETS']
TRANSFORMS = REGISTRIES['TRANSFORMS']
DATA_SAMPLERS = REGISTRIES['DATA_SAMPLERS']
FUNCTIONS = REGISTRIES['FUNCTIONS']
METRICS = REGISTRIES['METRICS']
RUNNERS = REGISTRIES['RUNNERS']
LOOPS = REGISTRIES['LOOPS']
HOOKS = REGISTRIES['HOOKS']
OPTIMIZERS = REGISTRIES['OPTIMIZERS']
OPTIM_WRAPPERS = REGISTRIES['OPTIM_WRAPPERS']
OPTIM_WRAPPER_CONSTRUCTORS = REGISTRIES['OPTIM_WRAPPER_CONSTRUCTORS']
PARAM_SCHEDULERS = REGISTRIES['PARAM_SCHEDULERS']
LOG_PROCESSORS = REGISTRIES['LOG_PROCESSORS']
WEIGHT_INITIALIZERS = REGISTRIES['WEIGHT_INITIALIZERS']
VISUALIZERS = REGISTRIES['VISUALIZERS']
VISBACKENDS = REGISTRIES['VISBACKENDS']

# Tasks hold parameters, so they are models; a registry of their own keeps the two families of names apart.
TASKS = Registry('task', parent=MODELS, scope=SCOPE, locations=['mplug2.tasks', PROJECTS])
REGISTRIES['TASKS'] = TASKS

# MMEngine has no root for these.
WEIGHT_FORMATS = Registry('weight format', scope=SCOPE, locations=['mplug2.checkpoints', PROJECTS])
REGISTRIES['WEIGHT_FORMATS'] = WEIGHT_FORMATS
# `model_type` of transformers -> function that says what of ours such a folder is (`mplug2.checkpoints.hub`).
HUB_MODELS = Registry('hub model', scope=SCOPE, locations=[PROJECTS])
REGISTRIES['HUB_MODELS'] = HUB_MODELS


def class_of(cfg: Mapping[str, Any], registry: Registry | None = None) -> Any:
    """The class, or function, of a config's ``type``; None where it has none, or one that is not registered.

    Args:
        registry: where names are looked up, with its parents; in all registries if None.
    """
    kind = cfg.get('type')
    if not isinstance(kind, str):
        return kind
    searched = REGISTRIES.values() if registry is None else [registry]
    return next((known for candidate in searched if (known := candidate.known(kind)) is not None), None)


def resolve(cfg: Any, kind: Registry) -> Any:
    """Replace the name in a config's ``type`` by its class, looked up in our registry and its parents.

    MMEngine builds from its own roots, which do not know our names unless they are spelt with the scope; and a default
    scope would break the libraries that build from strings of their own.

    Raises:
        NotRegistered: no such name, with near ones.
    """
    if isinstance(cfg, (list, tuple)):
        return [resolve(item, kind) for item in cfg]
    if not isinstance(cfg, dict) or not isinstance(cfg.get('type'), str):
        return cfg
    cfg = copy.copy(cfg)
    cfg['type'] = kind.find(cfg['type'])
    return cfg
