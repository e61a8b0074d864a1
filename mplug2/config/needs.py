"""What the classes of a config need installed.

A class says it by two constants. ``REQUIRES``: module, ``package/file`` or ``java`` -> what to install. ``REQUIRES_FOR``: a
setting -> its value in the config -> as in ``REQUIRES``.
"""

from __future__ import annotations

from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject

from ..registry import class_of
from ..utils.sources import constant
from .walk import nodes


def needs(cfg: Config, imports: bool = False) -> dict[str, str]:
    """Module -> what to install, of all that a config names.

    Args:
        cfg: as `load_config` gives it. imports: import every class, which takes seconds, and finds what is damaged and what
            packages need beside. Otherwise sources are read, and classes that are strings are left out.

    Raises:
        ImportError: `imports`, and a class cannot be imported.
    """
    packages: dict[str, str] = {}
    declared: dict[str, str] = {}
    for node in nodes(cfg._cfg_dict):
        kind = class_of(node) if imports else dict.get(node, 'type')
        if isinstance(kind, (LazyObject, LazyAttr)):
            package = kind.module.partition('.')[0]
            packages[package] = package
            always, by_setting = (constant(f'{kind.module}.{kind}', key) or {} for key in ('REQUIRES', 'REQUIRES_FOR'))
        else:
            always, by_setting = (getattr(kind, key, {}) for key in ('REQUIRES', 'REQUIRES_FOR'))
        declared |= always
        for setting, by_value in by_setting.items():
            declared |= by_value.get(node.get(setting), {})
    return packages | declared
