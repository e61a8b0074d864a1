"""Where a value of a config comes from."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mmengine.config import Config

from .load import _imported_from, find_config, load_config


class Origin(NamedTuple):
    """File and line of an expression of a config file."""

    path: Path
    line: int


def explain(name: str | Path, key: str) -> tuple[Any, Path, int]:
    """Find the line that sets a config's value.

    The config is executed again with every value marked by the line of its expression. The marks follow
    the values through names, loops, updates, merges and base files.

    Args:
        name: of the config. key: dotted ('optim_wrapper.optimizer.lr'; list items by number).

    Returns:
        the value, the file that sets it, and the line of the expression. For a dict or list, those of its first value.

    Raises:
        KeyError: the config has no such key; names those beside it. Or an old-style base (``_base_ = ...``) sets it.
    """
    path = find_config(name)
    cfg = load_config(path)._to_lazy_dict()
    value = _value(path, cfg, key)
    if key.rsplit('.', 1)[-1] == 'instruction' and not cfg.get('instructions', True):
        key = 'instructions'  # this switch set it to None
    try:
        origin = place_of(path, trace(path), key)
    except KeyError:
        raise KeyError(f'{path}: {key} is set by a base that is not imported under read_base(), or by default') from None
    return value, *origin


def place_of(path: Path, marked: dict[str, Any], key: str) -> Origin:
    """The origin of a key's value in the result of `trace`. An empty list or dict has the origin of its parent."""
    while key:
        if origin := origin_of(_value(path, marked, key)):
            return origin
        key = key.rpartition('.')[0]
    return Origin(path, 1)


def trace(path: Path) -> dict[str, Any]:
    """Execute a config file with marked values.

    Returns:
        the names of the file and of its bases. Values have the structure of the config's; `origin_of` reads the leaves.
    """
    path = Path(path).resolve()
    scope: dict[str, Any] = {'__file__': str(path), '__mark': _mark, '__plain': plain, '__path': path}
    for statement in ast.parse(path.read_bytes()).body:
        if _reads_bases(statement):
            for imported in statement.body:
                _import_base(imported, path, scope)
        elif isinstance(statement, ast.ImportFrom):
            for alias in statement.names:
                scope[alias.asname or alias.name] = Symbol(alias.name)
        elif isinstance(statement, ast.Import):
            for alias in statement.names:
                scope[alias.asname or alias.name.split('.')[0]] = Symbol(alias.name)
        else:
            module = ast.Module([_Marking().visit(statement)], type_ignores=[])
            exec(compile(ast.fix_missing_locations(module), str(path), 'exec'), scope)
    names = {key: value for key, value in scope.items() if not key.startswith('__')}
    return Config._dict_to_config_dict_lazy(names)  # as in MMEngine, with ConfigDict's update and merge


def origin_of(value: Any) -> Origin | None:
    """The origin of a marked value; of a dict or list, that of its first value that has one."""
    if isinstance(value, dict) or (isinstance(value, (list, tuple)) and value):
        items = dict.values(value) if isinstance(value, dict) else value
        return next((origin for origin in map(origin_of, items) if origin), None)
    return getattr(value, 'origin', None)


class Symbol:
    """An imported name that a config only passes on."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> Symbol:
        if name.startswith('__'):
            raise AttributeError(name)
        return Symbol(f'{self.name}.{name}')


class _Marked:
    """A value that has no subclass to carry its origin: None, a bool, a class, an empty tuple."""

    def __init__(self, value: Any, origin: Origin) -> None:
        self.value, self.origin = value, origin

    def __bool__(self) -> bool:
        return bool(self.value)

    def __iter__(self) -> Iterator:
        return iter(self.value)

    def __deepcopy__(self, memo: dict) -> _Marked:
        return self


class _Int(int):
    origin: Origin
    __deepcopy__ = _Marked.__deepcopy__


class _Float(float):
    origin: Origin
    __deepcopy__ = _Marked.__deepcopy__


class _Str(str):
    origin: Origin
    __deepcopy__ = _Marked.__deepcopy__


_CARRIERS = {int: _Int, float: _Float, str: _Str}


def _mark(value: Any, path: Path, line: int) -> Any:
    """The value with its origin, unless it has one: a name keeps the line where its value was written."""
    origin = Origin(path, line)
    if carrier := _CARRIERS.get(type(value)):
        marked = carrier(value)
        marked.origin = origin
        return marked
    if value is None or isinstance(value, (bool, Symbol)) or value == ():
        return _Marked(value, origin)
    return value


def plain(value: Any) -> Any:
    """A value of `trace` without its mark."""
    return value.value if isinstance(value, _Marked) else value


class _Marking(ast.NodeTransformer):
    """Wrap each expression that becomes a value of a config in a call of `_mark`; compare values without their marks."""

    def _marked(self, node: ast.expr) -> ast.expr:
        if isinstance(node, ast.Starred):
            return node
        arguments = [node, ast.Name('__path', ast.Load()), ast.Constant(node.lineno)]
        return ast.copy_location(ast.Call(ast.Name('__mark', ast.Load()), arguments, []), node)

    def visit_keyword(self, node: ast.keyword) -> ast.keyword:
        self.generic_visit(node)
        if node.arg is not None:
            node.value = self._marked(node.value)
        return node

    def visit_Dict(self, node: ast.Dict) -> ast.Dict:
        self.generic_visit(node)
        node.values = [value if key is None else self._marked(value) for key, value in zip(node.keys, node.values, strict=True)]
        return node

    def _sequence(self, node: ast.List | ast.Tuple) -> ast.expr:
        self.generic_visit(node)
        if isinstance(node.ctx, ast.Load):
            node.elts = [self._marked(item) for item in node.elts]
        return node

    visit_List = visit_Tuple = _sequence

    def visit_ListComp(self, node: ast.ListComp) -> ast.ListComp:
        self.generic_visit(node)
        node.elt = self._marked(node.elt)
        return node

    def visit_DictComp(self, node: ast.DictComp) -> ast.DictComp:
        self.generic_visit(node)
        node.value = self._marked(node.value)
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.Assign:
        self.generic_visit(node)
        node.value = self._marked(node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> ast.Compare:
        self.generic_visit(node)
        node.left, *node.comparators = [
            ast.Call(ast.Name('__plain', ast.Load()), [side], []) for side in (node.left, *node.comparators)
        ]
        return node


def _reads_bases(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.With) and any('read_base' in ast.unparse(item) for item in statement.items)


def _import_base(statement: ast.stmt, path: Path, scope: dict[str, Any]) -> None:
    """Put the names that a statement under ``read_base()`` imports into the scope of a config at `path`."""
    if not isinstance(statement, ast.ImportFrom):
        return
    folder = path.parents[statement.level - 1] if statement.level else _imported_from(statement.module.split('.')[0]).parent
    names = trace(folder.joinpath(*(statement.module or '').split('.')).with_suffix('.py'))
    for alias in statement.names:
        if alias.name == '*':
            scope.update(dict.items(names))
        else:
            scope[alias.asname or alias.name] = dict.__getitem__(names, alias.name)


def _value(path: Path, cfg: dict[str, Any], key: str) -> Any:
    value: Any = cfg
    walked = []
    for part in key.split('.'):
        try:
            value = value[int(part) if isinstance(value, (list, tuple)) or (part.isdigit() and part not in value) else part]
        except (KeyError, IndexError, TypeError, ValueError):
            there = sorted(map(str, value)) if isinstance(value, dict) else f'{type(value).__name__} {value!r}'
            where = '.'.join(walked) or 'the config'
            raise KeyError(f'{path}: no key {key!r}; {where} has {there}') from None
        walked.append(part)
    return value
