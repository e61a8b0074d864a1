"""Checks for installed packages and programs."""

from __future__ import annotations

import shutil
from importlib.util import find_spec
from pathlib import Path


def is_installed(what: str) -> bool:
    """Whether a package, a file of one (``package/file``) or the program ``java`` is installed. Imports nothing."""
    if what == 'java':
        return shutil.which(what) is not None
    package, _, file = what.partition('/')
    spec = find_spec(package)
    return spec is not None and (not file or (Path(spec.submodule_search_locations[0]) / file).is_file())
