"""The table of rooms in the architecture page, held against the imports of the code."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.runs import ROOT

PAGE = ROOT / 'docs/explanation/architecture.md'
EVERYTHING = 'everything'


def table() -> dict[str, set[str]]:
    """Room -> rooms that it may import, in the order of the page."""
    rows = re.findall(r'^\| `([a-z_]+)(?:/|\.py)` \| .+? \| ?(.*?) ?\|$', PAGE.read_text(), re.MULTILINE)
    rooms: dict[str, set[str]] = {}
    for room, allowed in rows:
        rooms[room] = set(rooms) if allowed == EVERYTHING else {name.strip() for name in allowed.split(',') if name.strip()}
    return rooms


def room_of(module: str) -> str | None:
    parts = module.split('.')
    return parts[1] if parts[0] == 'mplug2' and len(parts) > 1 and parts[1] != 'configs' else None


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Rooms that a file imports, also inside functions, and the line. What only type checkers import makes no arrow."""
    package = path.relative_to(ROOT).parent.parts
    tree = ast.parse(path.read_text())
    blocks = [node for node in ast.walk(tree) if isinstance(node, ast.If) and ast.unparse(node.test) == 'TYPE_CHECKING']
    hints = {id(node) for block in blocks for node in ast.walk(block)}
    for node in ast.walk(tree):
        if id(node) in hints:
            continue
        modules: list[str] = []
        if isinstance(node, ast.Import):
            modules = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(package[: len(package) - node.level + 1]) if node.level else ''
            module = '.'.join(filter(None, (base, node.module)))
            modules = [f'{module}.{alias.name}' for alias in node.names] if module == 'mplug2' else [module]
        yield from ((room, node.lineno) for room in map(room_of, modules) if room)


def sources() -> Iterator[tuple[str, Path]]:
    for path in sorted((ROOT / 'mplug2').rglob('*.py')):
        room = path.relative_to(ROOT / 'mplug2').parts[0].removesuffix('.py')
        if room not in ('configs', 'projects', '__init__'):
            yield room, path
    yield 'projects', ROOT / 'projects/__init__.py'
    for project in sorted((ROOT / 'projects').glob('*/__init__.py')):
        yield from (('projects', path) for path in sorted(project.parent.rglob('*.py')) if 'configs' not in path.parts)


def test_every_room_has_a_row() -> None:
    assert set(table()) == {room for room, _ in sources()}


def test_rows_name_rooms_above_them() -> None:
    above: set[str] = set()
    for room, allowed in table().items():
        assert allowed <= above, f'{room} may import {sorted(allowed - above)}, which are not above it'
        above.add(room)


def test_rooms_import_what_their_row_names() -> None:
    allowed = table()
    wrong = [
        f'{path.relative_to(ROOT)}:{line} imports {room}'
        for home, path in sources()
        for room, line in imports(path)
        if room != home and room not in allowed[home]
    ]
    assert not wrong, '\n'.join(wrong)
