"""Settings of a config that nothing reads: values are copied when a file is executed, and a later edit comes too late."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from .explain import _import_base, _reads_bases
from .overrides import known_to_runs

_EDITS = ('update', 'merge', 'pop', 'append', 'extend', 'insert', 'remove', 'clear', 'setdefault')
_DEPTH = 6  # of the keys that are named as holders of a copy


def unread_settings(path: Path, cfg: Mapping[str, Any], options: Iterable[str] = ()) -> list[str]:
    """Sentences on what is set and has no effect.

    They are variables of a base that the file edits and does not use afterwards, top-level options that no part of a run
    reads, and tasks of the model that no source of the training data names.

    Args:
        path: of the config file. cfg: what it gives. options: dotted keys, as applied.
    """
    sentences = [
        f'{path}, line {line}: {name} of a base is edited, and nothing reads it afterwards{_holders(cfg, name)}'
        for name, line in _edited(path)
    ]
    for name in dict.fromkeys(key.split('.')[0] for key in options):
        if name not in known_to_runs() and not _has_class(cfg.get(name)):
            sentences.append(f'{path}: the option {name} sets what no part of a run reads{_holders(cfg, name)}')
    return sentences + _untrained(path, cfg)


def _edited(path: Path) -> Iterator[tuple[str, int]]:
    """Names of bases that a file edits and neither uses afterwards nor gives to a run, with the line of the last edit."""
    if path.suffix != '.py':
        return
    body = ast.parse(path.read_bytes()).body
    last: dict[str, int] = {}
    for statement in body:
        targets = {node: name for node, name in _edits(statement) if name not in known_to_runs()}
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node not in targets:
                last.pop(node.id, None)
        last.update(dict.fromkeys(targets.values(), statement.lineno))
    if last:
        scope: dict[str, Any] = {}
        for statement in filter(_reads_bases, body):
            for imported in statement.body:
                _import_base(imported, path.resolve(), scope)
        yield from ((name, line) for name, line in last.items() if name in scope)


def _edits(statement: ast.stmt) -> Iterator[tuple[ast.Name, str]]:
    """The variables that a statement sets or changes in place."""
    for node in ast.walk(statement):
        targets: list[ast.expr] = []
        if isinstance(node, (ast.Assign, ast.Delete)):
            targets = node.targets
        elif isinstance(node, (ast.AugAssign, ast.AnnAssign)):
            targets = [node.target]
        elif isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and isinstance(node.value.func, ast.Attribute):
            targets = [node.value.func.value] if node.value.func.attr in _EDITS else []
        for target in targets:
            while isinstance(target, (ast.Subscript, ast.Attribute)):
                target = target.value
            if isinstance(target, ast.Name):
                yield target, target.id


def _holders(cfg: Mapping[str, Any], name: str) -> str:
    """Where a run reads keys of that name instead."""
    keys = [key for key in _keys(cfg) if key.endswith(f'.{name}') and key.split('.')[0] in known_to_runs()]
    return f': set {" or ".join(keys[:3])}' if keys else ': set the key that holds its copy'


def _keys(node: Any, prefix: str = '', depth: int = 0) -> Iterator[str]:
    if isinstance(node, dict) and depth < _DEPTH:
        for key, value in dict.items(node):  # a ConfigDict's own would import what is named lazily
            yield f'{prefix}{key}'
            yield from _keys(value, f'{prefix}{key}.', depth + 1)


def _has_class(value: Any) -> bool:
    return isinstance(value, dict) and dict.get(value, 'type') is not None


def _untrained(path: Path, cfg: Mapping[str, Any]) -> list[str]:
    dataset = ((cfg.get('train_dataloader') or {}).get('dataset')) or {}
    sources, tasks = dataset.get('sources'), (cfg.get('model') or {}).get('tasks')
    if not isinstance(sources, dict) or not isinstance(tasks, dict):
        return []
    weights = dataset.get('weights') or {}
    trained = {task for source in sources.values() if source.get('ratio', 1.0) for task in source.get('tasks', ())}
    idle = [task for task in tasks if task not in trained and weights.get(task, 1.0)]
    return [f'{path}: no source of train_dataloader trains {", ".join(idle)} of model.tasks'] if idle else []
