"""The scripts of tools/ as modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).parents[2] / 'tools'


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script by its path under tools/ without the suffix; scripts beside it can be imported by it."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str((TOOLS / name).parent))
        module = importlib.import_module(Path(name).name)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return load
