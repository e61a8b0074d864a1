"""Reads config files for training, testing, the command line and tests."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.config import config as config_module

from ..registry import load_plugins
from .command_line import interpret
from .overrides import NEW, check_options

_PACKAGE = Path(__file__).parents[1]


def config_folder() -> Path:
    """The folder of the shipped configs. ``from mplug2.configs... import *`` under ``read_base()`` reads it too."""
    return (_PACKAGE / 'configs').resolve()


def tools_folder() -> Path:
    """The folder of the scripts: inside an installed package, or beside it in a checkout."""
    installed = _PACKAGE / '.mim' / 'tools'
    return installed if installed.is_dir() else _PACKAGE.parent / 'tools'


def shipped_configs() -> dict[str, Path]:
    """Name -> file of every shipped config: those under ``configs/`` ('mini/video_qa'), and those of projects under the name of
    their project ('clip/mini_video_text_retrieval')."""
    own, projects = config_folder(), (_PACKAGE / 'projects').resolve()
    files = {file.relative_to(own).with_suffix('').as_posix(): file for file in own.glob('[!_]*/*.py')}
    # A folder that is no package is a plug-in, which is installed by itself.
    for init in projects.glob('*/__init__.py'):
        for file in (init.parent / 'configs').glob('[!_]*.py'):
            files[f'{init.parent.name}/{file.stem}'] = file
    return dict(sorted(files.items()))


def find_config(name: str | Path) -> Path:
    """A config file by its path, or a shipped one by its name (`shipped_configs`).

    Raises:
        FileNotFoundError: no such file or name; suggests similar names.
    """
    path = Path(name)
    if path.is_file():
        return path
    shipped = shipped_configs()
    if path.with_suffix('').as_posix() in shipped:
        return shipped[path.with_suffix('').as_posix()]
    base = config_folder() / path.with_suffix('.py')
    if base.is_file():
        return base
    import difflib

    below_configs = str(path.with_suffix('')).split('configs/', 1)[-1]
    near = difflib.get_close_matches(below_configs, shipped, n=3, cutoff=0.5)
    hint = f'; did you mean {" or ".join(near)}?' if near else ''
    raise FileNotFoundError(f'no config file {name}, and none of that name under {config_folder()}{hint}')


def default_work_dir(name: str | Path) -> Path:
    """The default folder of a config's runs: ``work_dirs/mini/video_qa`` for a shipped one, whose folder counts
    because several tasks have configs of one name, and ``work_dirs/my_config`` for any other."""
    path = find_config(name).resolve()
    names = (shipped for shipped, file in shipped_configs().items() if file == path)
    return Path('work_dirs') / next(names, path.stem)


def own_work_dir(cfg: Config, name: str | Path, smoke_test: bool) -> str:
    """The folder of a run without ``--work-dir``: the config's, or `default_work_dir`. Tiny runs have their own, since no run
    must resume from them."""
    own = cfg.get('work_dir') or str(default_work_dir(name))
    return f'{own}_smoke' if smoke_test else own


def load_config(name: str | Path, options: dict[str, Any] | None = None, imports: bool = True) -> Config:
    """Read a config file, import the plug-ins that it and the environment name, and apply overrides.

    MMEngine skips ``custom_imports`` in new-style config files, so it is done here. Where ``instructions`` is False, in the
    file or by an override, every ``instruction`` of the config becomes None: texts go in without them (Table 14's comparison).

    Args:
        name: a path, or the name of a shipped config. options: dotted key -> value; see `check_options` for new keys.
            imports: import the modules of ``custom_imports``.

    Raises:
        FileNotFoundError: no such file. SyntaxError: not Python. ImportError: a module of ``custom_imports`` does not
            import.
        KeyError: an override has an unknown key, or a key below a value that is not a dict or list.

    Warns:
        UserWarning: of settings that nothing reads (`mplug2.config.unread`).
    """
    path = find_config(name)
    written = [key for key in options or {} if not key.startswith(NEW)]
    load_plugins()
    try:
        with _packages_as_imported():
            cfg = Config.fromfile(path)
    except SyntaxError as error:
        raise SyntaxError(f'{path} is not Python at line {error.lineno}: {error.msg}') from error
    # Or yapf lays out each dump of a run, for up to a second; of files without lazy imports `fromfile` ignores the argument.
    object.__setattr__(cfg, '_format_python_code', False)
    if options:
        try:
            options = check_options(cfg._cfg_dict, interpret(cfg._cfg_dict, options))
        except KeyError as error:
            raise KeyError(f'{path}: {error.args[0]}') from None
        try:
            cfg.merge_from_dict(options)
        except (TypeError, KeyError, IndexError, AssertionError) as error:
            raise KeyError(f'{path}: cannot apply the options {options}: {error}') from error
    custom = cfg.get('custom_imports') or {}
    modules = custom.get('imports', []) if imports else []
    for module in [modules] if isinstance(modules, str) else modules:
        try:
            import_module(module)
        except ImportError as error:
            raise ImportError(f'{path}: custom_imports names {module!r}, which does not import: {error}') from error
    if not cfg.get('instructions', True):
        _drop_instructions(cfg._cfg_dict)
    cfg.setdefault('default_scope', None)
    from .unread import unread_settings  # which reads files as `explain` does, and that loads them by this function

    for sentence in unread_settings(path, cfg._cfg_dict, written):
        warnings.warn(sentence, stacklevel=2)
    return cfg


def _drop_instructions(node: Any) -> None:
    """Set every key ``instruction`` below a node of a config to None, in place."""
    if isinstance(node, dict) and 'instruction' in node:
        node['instruction'] = None
    # A ConfigDict's own `values` would build lazy objects.
    for item in dict.values(node) if isinstance(node, dict) else node if isinstance(node, (list, tuple)) else ():
        _drop_instructions(item)


def _imported_from(package: str) -> Path:
    """The folder that Python imports a package from.

    Raises:
        ImportError: no such package.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(f'no package {package!r} is installed')
    return Path(spec.submodule_search_locations[0])


@contextmanager
def _packages_as_imported() -> Iterator[None]:
    """Let ``from package.configs... import *`` under ``read_base()`` read the folder that Python imports the package from.

    MMEngine reads the installer's records, which for an editable install name a folder that does not exist.
    """
    original = config_module.get_installed_path
    config_module.get_installed_path = lambda package: str(_imported_from(package))
    try:
        yield
    finally:
        config_module.get_installed_path = original


def type_name(node: Mapping[str, Any]) -> str:
    """The class name of a config's ``type``, '' without one."""
    kind = node.get('type') or ''
    return kind.rsplit('.', 1)[-1] if isinstance(kind, str) else kind.__name__


__all__ = ['config_folder', 'find_config', 'load_config', 'tools_folder']
