"""mPLUG-2 on MMEngine: modules for text, image and video, composed per task by config files."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .version import __version__

# Imported at first use, so that ``import mplug2`` stays light.
_LAZY = {
    'Inferencer': 'mplug2.apis',
    'MPlug2': 'mplug2.model',
    'list_models': 'mplug2.apis',
    'load_release': 'mplug2.apis',
}

__all__ = ['Inferencer', 'MPlug2', '__version__', 'list_models', 'load_release']


def __getattr__(name: str) -> Any:
    if name in _LAZY:
        return getattr(import_module(_LAZY[name]), name)
    raise AttributeError(f'module {__name__!r} has no attribute {name!r}')
