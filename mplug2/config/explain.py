"""Where a value of a config comes from."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from .load import _imported_from, find_config, load_config


def explain(name: str | Path, key: str) -> tuple[Any, Path, int]:
    """Where a config's value comes from.

    Args:
        name: of the config. key: dotted ('optim_wrapper.optimizer.lr'; list items by number).

    Returns:
        the value, the file that set it, and the line of the statement there.

    Raises:
        KeyError: the config has no such key; names those beside it.
    """
    path = find_config(name)
    value = _value(path, key)
    while True:
        for base in _bases(path):
            try:
                if _same(_value(base, key), value):
                    path = base
                    break
            except KeyError:
                continue
        else:
            return value, path, _line(path, key.split('.')[0])


def _value(path: Path, key: str) -> Any:
    value: Any = load_config(path)._to_lazy_dict()
    walked = []
    for part in key.split('.'):
        try:
            value = value[int(part)] if isinstance(value, (list, tuple)) else value[part]
        except (KeyError, IndexError, TypeError, ValueError):
            there = sorted(map(str, value)) if isinstance(value, dict) else f'{type(value).__name__} {value!r}'
            where = '.'.join(walked) or 'the config'
            raise KeyError(f'{path}: no key {key!r}; {where} has {there}') from None
        walked.append(part)
    return value


def _same(one: Any, other: Any) -> bool:
    return repr(one) == repr(other)  # classes are wrapped in lazy objects without an equality of their own


def _bases(path: Path) -> list[Path]:
    """Files that a config imports under ``with read_base()``, the last first, since it wins."""
    bases = []
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.With) and any('read_base' in ast.unparse(item) for item in node.items):
            for statement in node.body:
                if isinstance(statement, ast.ImportFrom):
                    folder = _package_folder(statement, path)
                    bases.append(folder.joinpath(*(statement.module or '').split('.')).with_suffix('.py'))
    return [base for base in reversed(bases) if base.is_file()]


def _package_folder(statement: ast.ImportFrom, path: Path) -> Path:
    """Where the dotted name of an import starts: at the config for a relative one, else beside the package it names."""
    if statement.level:
        return path.resolve().parents[statement.level - 1]
    return _imported_from((statement.module or '').split('.')[0]).parent


def _line(path: Path, root: str) -> int:
    """The last top-level statement that assigns to `root` or changes it in place."""
    found = 1
    for statement in ast.parse(path.read_text()).body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, 'value', None)]
        for target in targets:
            while isinstance(target, (ast.Call, ast.Attribute, ast.Subscript)):
                target = target.func if isinstance(target, ast.Call) else target.value
            if isinstance(target, ast.Name) and target.id == root:
                found = statement.lineno
    return found
