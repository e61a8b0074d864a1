"""A recipe is one read: no edits that a reader has to count or replay."""

from __future__ import annotations

import ast
from pathlib import Path

from mplug2.config.load import config_folder


def offences(path: Path) -> list[str]:
    wrong = []
    for node in ast.walk(ast.parse(path.read_text())):
        index = node.slice if isinstance(node, ast.Subscript) else None
        method = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ''
        by_index = isinstance(index, (ast.Constant, ast.UnaryOp)) and not isinstance(getattr(index, 'value', None), str)
        if by_index or method in ('pop', 'insert', 'remove') or isinstance(node, (ast.Delete, ast.For)):
            wrong.append(f'{path}:{node.lineno} {ast.unparse(node).splitlines()[0]}')
    return wrong


def test_lists_are_composed_of_names() -> None:
    """No list index, loop, ``del``, ``pop`` or ``insert``."""
    assert not [line for path in sorted(config_folder().rglob('*.py')) for line in offences(path)]


def test_large_is_a_child_of_base() -> None:
    for path in config_folder().glob('[!_]*/mplug2_large_*.py'):
        text = path.read_text()
        assert 'import MPlug2Weights' not in text, path
        assert 'models.mplug2_large' not in text, path
