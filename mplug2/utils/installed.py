"""What is installed beside the package."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path


def is_installed(what: str) -> bool:
    """Whether a package, a file of one (``package/file``) or the program ``java`` is there. Imports nothing."""
    if what == 'java':
        return shutil.which(what) is not None
    package, _, file = what.partition('/')
    found = find_spec(package)
    return found is not None and (not file or (Path(found.submodule_search_locations[0]) / file).is_file())
