"""Walking through a config."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any


def nodes(value: Any) -> Iterator[dict]:
    """Every dict in a config, outermost first. The walk sees changes that the caller makes, and imports no lazy class."""
    if isinstance(value, dict):
        yield value
        for item in list(dict.values(value)):  # a ConfigDict's own would import what is named lazily
            yield from nodes(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from nodes(item)
