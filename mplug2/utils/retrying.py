"""Asking again where a server or the network failed."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar('T')


def tried(call: Callable[[], T], passing: type[Exception], pauses: Iterable[float]) -> T:
    """What `call` returns.

    Args:
        passing: errors after which it is called again. pauses: seconds before each further call; after the last, errors stay.
    """
    for pause in pauses:
        try:
            return call()
        except passing:
            time.sleep(pause)
    return call()
