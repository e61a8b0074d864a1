"""What a batch will look like, read off the configs of a data set and its transforms, without data.

A data set or transform that has a say in it has a classmethod ``describe_shape(cfg, shape)``: the shape of a sample before, to
the shape after. Classes of other libraries are described in `mplug2.datasets.foreign`.
"""

from __future__ import annotations

from typing import NamedTuple

from ..registry import Registry, class_of
from .foreign import description_of


class SampleShape(NamedTuple):
    """A sample, or the longest of a batch. The defaults are guesses for what nothing describes.

    media: 'image', 'video' or 'text'. frames: T of a clip. side: of a frame, pixels; None is what the network's positions are
    made for. text, target: tokens. instruction: tokens of an instruction that is read alone. inputs: further inputs and their
    tokens, 0 of a number (`with_input`).
    """

    media: str = 'text'
    frames: int = 8
    side: int | None = None
    text: int = 30
    target: int = 20
    instruction: int = 6
    inputs: tuple[tuple[str, int], ...] = ()

    def with_input(self, name: str, tokens: int = 0) -> SampleShape:
        """The same with an input that `PackInputs` packs by name: ids of so many tokens, or a number if they are 0."""
        return self._replace(inputs=(*self.inputs, (name, tokens)))


def describe_shape(cfg: dict, shape: SampleShape, registry: Registry) -> SampleShape:
    """What the data set or transform of a config makes of a sample's shape; the same where it says nothing.

    Args:
        registry: of its name, if ``type`` is one.
    """
    kind = class_of(cfg, registry)
    describe = getattr(kind, 'describe_shape', None) or description_of(kind).shape
    return shape if describe is None else describe(cfg, shape)
