"""What a task needs of its inputs and of its network."""

from __future__ import annotations

from typing import NamedTuple

INPUTS = ('text', 'image', 'video')


class TaskSpec(NamedTuple):
    """inputs: of `INPUTS`. stages: of the network's wiring (`Network.stages`), which says what modules they go through.

    A recorder test holds a task to its spec, and so, in the wiring of mPLUG-2, to its row of Table 2.
    """

    inputs: frozenset[str]
    stages: frozenset[str]

    @classmethod
    def of(cls, inputs: str, stages: str) -> TaskSpec:
        """Make a spec from space-separated names.

        Raises:
            ValueError: there is no such input.
        """
        spec = cls(frozenset(inputs.split()), frozenset(stages.split()))
        unknown = sorted(spec.inputs - set(INPUTS))
        if unknown:
            raise ValueError(f'no input of a task: {unknown}; the inputs are {list(INPUTS)}')
        return spec


def vision_spec(media: str, inputs: str = '', stages: str = '') -> TaskSpec:
    """The spec of a task over one kind of media ('image' or 'video'), beside which it takes `inputs` and further stages.

    Raises:
        ValueError: another kind of media.
    """
    if media not in ('image', 'video'):
        raise ValueError(f"media is 'image' or 'video', not {media!r}")
    return TaskSpec.of(f'{inputs} {media}', f'vision {stages}')
