"""What classes say of themselves, read from their sources: to import them would take seconds."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import find_spec, resolve_name
from pathlib import Path
from typing import Any, NamedTuple


class Definition(NamedTuple):
    """A class as its module's source has it."""

    module: str
    body: list[ast.stmt]
    bases: list[ast.expr]


def constant(name: str, key: str) -> Any:
    """A literal in the body of a class or of its nearest base that has one; None if none has.

    Args:
        name: where the class can be imported from, dotted. key: of the constant.
    """
    values = (_assigned(definition.body, key) for definition in _lineage(name))
    return next((ast.literal_eval(value) for value in values if value is not None), None)


def module_constant(module: str, key: str) -> Any:
    """A literal at the top level of a module; None if there is none."""
    file = source_file(module)
    value = None if file is None else _assigned(_parsed(file).body, key)
    return None if value is None else ast.literal_eval(value)


def _assigned(body: list[ast.stmt], key: str) -> ast.expr | None:
    for statement in body:
        targets = statement.targets if isinstance(statement, ast.Assign) else [getattr(statement, 'target', None)]
        if any(isinstance(target, ast.Name) and target.id == key for target in targets):
            return getattr(statement, 'value', None)
    return None


def arguments(name: str) -> list[str]:
    """Names that the ``__init__`` of a class takes, without ``self``; of a class whose source has none, an empty list."""
    for definition in _lineage(name):
        for statement in definition.body:
            if isinstance(statement, ast.FunctionDef) and statement.name == '__init__':
                taken = statement.args
                return [argument.arg for argument in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)][1:]
    return []


def _lineage(name: str) -> Iterator[Definition]:
    """A class and its bases, depth first, as far as their sources are found."""
    definition = _definition(*name.rpartition('.')[::2])
    if definition is None:
        return
    yield definition
    for base in definition.bases:
        parts = ast.unparse(base).split('.')
        yield from _lineage(
            f'{definition.module}.{parts[0]}' if len(parts) == 1 else '.'.join(_origin(definition.module, parts))
        )


def _definition(module: str, name: str, depth: int = 10) -> Definition | None:
    """Follow imports from module to module to where a class is written."""
    symbol = _symbols(module).get(name)
    if isinstance(symbol, ast.ClassDef):
        return Definition(module, symbol.body, symbol.bases)
    return _definition(*symbol, depth - 1) if isinstance(symbol, tuple) and depth else None


def _origin(module: str, parts: list[str]) -> list[str]:
    """``alias.Class`` of a module as the dotted name that it means."""
    symbol = _symbols(module).get(parts[0])
    return [part for part in symbol if part] + parts[1:] if isinstance(symbol, tuple) else parts


@cache
def _symbols(module: str) -> dict[str, ast.ClassDef | tuple[str, str]]:
    """Name -> class that a module's source defines at its top level, or module and name that it imports."""
    file = source_file(module)
    if file is None:
        return {}
    package = module if file.name == '__init__.py' else module.rpartition('.')[0]
    symbols: dict[str, ast.ClassDef | tuple[str, str]] = {}
    for statement in _parsed(file).body:
        if isinstance(statement, ast.ClassDef):
            symbols[statement.name] = statement
        elif isinstance(statement, ast.ImportFrom):
            base = (
                resolve_name('.' * statement.level + (statement.module or ''), package) if statement.level else statement.module
            )
            symbols |= {alias.asname or alias.name: (base, alias.name) for alias in statement.names}
        elif isinstance(statement, ast.Import):
            symbols |= {alias.asname: (alias.name, '') for alias in statement.names if alias.asname}
    return symbols


@cache
def _parsed(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding='utf-8'))


def source_file(module: str) -> Path | None:
    """The source of a module, without importing the packages that hold it; None if there is none."""
    top, *below = module.split('.')
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        return None
    place = Path(spec.submodule_search_locations[0], *below) if spec.submodule_search_locations else Path(spec.origin)
    return next((file for file in (place / '__init__.py', place.with_suffix('.py')) if file.is_file()), None)
