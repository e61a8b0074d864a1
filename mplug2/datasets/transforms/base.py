"""The contract of a transform."""

from __future__ import annotations

from abc import ABCMeta, abstractmethod
from typing import Any


class BaseTransform(metaclass=ABCMeta):
    """A step of a pipeline: a sample's dict in, the dict with more or other values out.

    Pipelines of mmdet and mmaction2 call it like their own transforms (mmcv's class of this name is not needed for that).
    """

    def __call__(self, results: dict) -> Any:
        return self.transform(results)

    @abstractmethod
    def transform(self, results: dict) -> Any:
        """The sample, changed in place or anew; what a packing step returns is its own affair."""
