"""Values that all samples share."""

from __future__ import annotations

from typing import Any

from ...registry import TRANSFORMS
from .base import BaseTransform


@TRANSFORMS.register_module()
class AddConstant(BaseTransform):
    """Give every sample a value of its own pipeline, such as the prompt of a captioning task.

    Args:
        key: of the value. value: plain data.
    """

    def __init__(self, key: str, value: Any) -> None:
        self.key, self.value = key, value

    def transform(self, results: dict) -> dict:
        results[self.key] = self.value
        return results
