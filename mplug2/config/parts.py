"""The parts that a config names: every dict with a ``type``, and the class behind it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..registry import REGISTRIES, Registry


def nodes(value: Any) -> Iterator[dict]:
    """Every dict in a config, outermost first. What a caller changes in one is seen in what follows."""
    if isinstance(value, dict):
        yield value
        for item in list(value.values()):
            yield from nodes(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from nodes(item)


def class_of(node: dict, registry: Registry | None = None) -> Any:
    """The class, or function, of a config's ``type``; None where it has none, or one that is not registered.

    Args:
        registry: where names are looked up, with its parents; in all registries if None.
    """
    kind = node.get('type')
    if not isinstance(kind, str):
        return kind
    searched = REGISTRIES.values() if registry is None else [registry]
    return next((known for candidate in searched if (known := candidate.known(kind)) is not None), None)
