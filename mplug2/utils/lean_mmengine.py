"""MMEngine's models and optimizers without what importing them brings along.

MMEngine imports the trainer of transformers, which takes seconds, to register one optimizer. A caller who wants a caption does
not wait for that: importing this module first leaves the optimizer to be imported when it is built. Modules that need
a class of `mmengine.model` take it from here.
"""

from __future__ import annotations

import sys
from typing import Any

from mmengine.registry import OPTIMIZERS


def adafactor(params: Any, **settings: Any) -> Any:
    """The optimizer `transformers.Adafactor`."""
    from transformers import Adafactor

    return Adafactor(params, **settings)


def _import_without_transformers() -> None:
    transformers = sys.modules.pop('transformers', None)
    sys.modules['transformers'] = None  # its import then fails, as where it is not installed
    try:
        import mmengine.optim  # noqa: F401
    finally:
        del sys.modules['transformers']
        if transformers is not None:
            sys.modules['transformers'] = transformers
    OPTIMIZERS.register_module(name='Adafactor', module=adafactor)


if 'mmengine.optim' not in sys.modules:
    _import_without_transformers()

from mmengine.model import BaseDataPreprocessor, BaseModel, is_model_wrapper  # noqa: E402

__all__ = ['BaseDataPreprocessor', 'BaseModel', 'adafactor', 'is_model_wrapper']
