"""What a task needs, as a row of Table 2."""

from __future__ import annotations

from typing import NamedTuple

INPUTS = ('text', 'image', 'video')
# The table's columns. Image and video encoder are one set of weights, the network's `vision_encoder`.
MODULES = ('text_encoder', 'image_encoder', 'video_encoder', 'universal', 'fusion', 'decoder')


class TaskSpec(NamedTuple):
    """inputs: of `INPUTS`. modules: of `MODULES`. A recorder test holds a task to its row."""

    inputs: frozenset[str]
    modules: frozenset[str]

    @classmethod
    def of(cls, inputs: str, modules: str) -> TaskSpec:
        """Make a spec from space-separated names.

        Raises:
            ValueError: a name is not a column of the table.
        """
        spec = cls(frozenset(inputs.split()), frozenset(modules.split()))
        for names, known in ((spec.inputs, INPUTS), (spec.modules, MODULES)):
            unknown = names - set(known)
            if unknown:
                raise ValueError(f'not a column of Table 2: {sorted(unknown)}; the columns are {list(known)}')
        return spec

    @property
    def network_modules(self) -> frozenset[str]:
        """Names of the network's attributes that the task touches."""
        return frozenset('vision_encoder' if name in ('image_encoder', 'video_encoder') else name for name in self.modules)


def vision_spec(media: str, inputs: str, modules: str) -> TaskSpec:
    """The row of a task over one kind of media ('image' or 'video'), whose encoder is added to `modules`.

    Raises:
        ValueError: another kind of media.
    """
    if media not in ('image', 'video'):
        raise ValueError(f"media is 'image' or 'video', not {media!r}")
    return TaskSpec.of(f'{inputs} {media}', f'{modules} {media}_encoder')
