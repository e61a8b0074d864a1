"""Retries after failures of a server or the network."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

T = TypeVar('T')


def tried(call: Callable[[], T], passing: type[Exception], pauses: Iterable[float]) -> T:
    """The result of `call`, which is retried.

    Args:
        passing: transient errors, after which it is called again. pauses: seconds before each retry. The last call may raise.
    """
    for pause in pauses:
        try:
            return call()
        except passing:
            time.sleep(pause)
    return call()
