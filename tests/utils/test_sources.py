"""What classes say of themselves, read from their sources."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplug2.utils import sources


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {
        '__init__.py': 'from .parts import Part, Other as Another\nraise RuntimeError("imported")\n',
        'parts.py': 'from .base import Base\nimport package_of_parts.base as other\n'
        'class Part(Base):\n    NAMED: str\n    def run(self, x): ...\n'
        'class Other(other.Base):\n    NEEDS = {"b": 2}\nclass Odd(Base, Missing):\n    pass\n',
        'base.py': 'NEEDS = ("top",)\nclass Base(list):\n    NEEDS = {"a": 1}\n    def __init__(self, x, /, y, *, z=1): ...\n',
    }
    for name, content in files.items():
        (tmp_path / 'package_of_parts').mkdir(exist_ok=True)
        (tmp_path / 'package_of_parts' / name).write_text(content)
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.mark.usefixtures('package')
def test_constants_and_arguments_without_importing() -> None:
    for name in ('Part', 'parts.Part', 'parts.Odd'):
        assert sources.constant(f'package_of_parts.{name}', 'NEEDS') == {'a': 1}
        assert sources.arguments(f'package_of_parts.{name}') == ['x', 'y', 'z']
    assert sources.constant('package_of_parts.Another', 'NEEDS') == {'b': 2}
    assert sources.arguments('package_of_parts.Another') == ['x', 'y', 'z'], 'of a base behind an alias'
    assert sources.module_constant('package_of_parts.base', 'NEEDS') == ('top',)


@pytest.mark.usefixtures('package')
def test_what_no_source_has() -> None:
    assert sources.constant('package_of_parts.Part', 'NAMED') is None, 'an annotation has no value'
    assert sources.constant('package_of_parts.parts.Gone', 'NEEDS') is None
    assert sources.module_constant('package_of_parts.base', 'GONE') is None
    assert sources.module_constant('no_such_package.base', 'NEEDS') is None
    assert sources.arguments('no_such_package.Part') == []
    assert sources.source_file('sys') is None
