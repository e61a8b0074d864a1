"""The scripts of tools/ and experiments/ as modules."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], ModuleType]:
    """Imports a script by its path in the repository, without the suffix; scripts beside it can be imported by it."""

    def load(name: str) -> ModuleType:
        monkeypatch.syspath_prepend(str((ROOT / name).parent))
        module = importlib.import_module(Path(name).name)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        return module

    return load
