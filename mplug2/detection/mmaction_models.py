"""What `mmaction.models` imports and an installation may lack: it then refuses to import at all, recognizers included.

The wheel of mmaction2 1.2.0 lacks the localizer DRN. Its VindLU imports timm, and names that transformers 5 removed.
`install` puts empty modules there: those two models are unavailable, the rest works.
"""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

_MODELS = 'mmaction.models'


def install() -> None:
    """Let later imports of `mmaction.models` succeed; does nothing where mmaction2 is absent or already imported."""
    package = find_spec('mmaction')
    if package is None or _MODELS in sys.modules:
        return
    (folder,) = package.submodule_search_locations
    if not (Path(folder) / 'models/localizers/drn').is_dir():
        for name in ('drn', 'drn.drn'):
            _supply(f'{_MODELS}.localizers.{name}', DRN=type('DRN', (), {'__doc__': 'Absent from this mmaction2.'}))
    if find_spec('timm') is None or _major('transformers') >= 5:
        _supply(f'{_MODELS}.multimodal')


def _supply(name: str, **values: type) -> None:
    module = ModuleType(name, __doc__)
    module.__path__ = []
    vars(module).update(values, __all__=list(values))
    sys.modules[name] = module


def _major(distribution: str) -> int:
    try:
        return int(version(distribution).split('.')[0])
    except PackageNotFoundError:
        return 0
