"""The base of weight adapters: one table between a foreign format and ours, read in both directions.

"Ours" are keys of `Network`: ``vision_encoder.blocks.0...``. The first component of a key is called its part. What tasks own
has the part ``heads``: ``heads.matching.classifier.weight`` is that weight of every task that has one of this name.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import torch
from torch import Tensor, nn

from ..errors import CheckpointError

HEADS = 'heads'  # the part of what tasks own


class Entry(NamedTuple):
    """One of our tensors and the foreign tensors that make it.

    ours: our key. theirs: foreign keys, concatenated along the first dimension where there are several.
    ones: places of dimensions of size one that the foreign tensor has and ours has not. transposed: the foreign matrix is.
    rows: (first, last, of): of a foreign tensor whose rows are so many equal parts, ours are some: (1, 3, 3) of a fused query,
    key and value are key and value. last: rows of the second of two foreign tensors; None where all have as many.
    """

    ours: str
    theirs: tuple[str, ...]
    ones: tuple[int, ...] = ()
    transposed: bool = False
    rows: tuple[int, int, int] | None = None
    last: int | None = None

    @property
    def part(self) -> str:
        return self.ours.split('.')[0]

    def read(self, state: Mapping[str, Tensor]) -> Tensor:
        """Foreign tensors -> ours, in fp32."""
        tensor = torch.cat([state[key] for key in self.theirs]) if len(self.theirs) > 1 else state[self.theirs[0]]
        for place in reversed(self.ones):
            tensor = tensor.squeeze(place)
        if self.rows is not None:
            first, last, of = self.rows
            tensor = tensor[len(tensor) * first // of : len(tensor) * last // of]
        return (tensor.T.contiguous() if self.transposed else tensor).float()

    def write(self, tensor: Tensor) -> dict[str, Tensor]:
        """Ours -> foreign tensors."""
        if self.transposed:
            tensor = tensor.T.contiguous()
        for place in self.ones:
            tensor = tensor.unsqueeze(place)
        parts: Sequence[Tensor] = (tensor,)
        if self.last is not None:
            parts = tensor.split([len(tensor) - self.last, self.last])
        elif len(self.theirs) > 1:
            parts = tensor.chunk(len(self.theirs))
        return dict(zip(self.theirs, parts, strict=True))


class Translation(NamedTuple):
    """A foreign file in our keys.

    weights: ours -> tensor. sources: ours -> the foreign keys it was made of. left_out: foreign keys that nothing of ours
    is made of -> their number of values.
    """

    weights: dict[str, Tensor]
    sources: dict[str, tuple[str, ...]]
    left_out: dict[str, int]


class Adapter(ABC):
    """A foreign format. Sizes are read off the state dict at hand.

    Registered in `WEIGHT_FORMATS`, it is known to ``mplug2 convert`` and `ForeignWeights`, by its ``name``.
    """

    name: ClassVar[str]
    # Patterns of keys of ours that files of this format never hold, so that their absence is no error.
    absent: ClassVar[tuple[str, ...]] = ()
    # Name of the task whose head `convert` writes what tasks own to.
    task: ClassVar[str] = 'retrieval'
    # How a table of positions is resampled to another grid, as the format's own code does it.
    resize_mode: ClassVar[str] = 'bilinear'

    @classmethod
    def for_network(cls, network: nn.Module, parts: Collection[str]) -> Adapter:
        """The adapter that fills those parts of a network, at its sizes."""
        return cls()

    @classmethod
    @abstractmethod
    def recognises(cls, keys: Collection[str]) -> bool:
        """Whether a file with these keys, once cleaned, is of this format."""

    @classmethod
    def clean(cls, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The state dict with the format's variants of spelling made one."""
        return dict(state)

    @abstractmethod
    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        """The table for a cleaned foreign state dict.

        Args:
            parts: those of ours that are wanted, if not all; entries of others are dropped by whoever calls.
        """

    @abstractmethod
    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        """The table for writing a network's state dict."""

    def copies(self) -> dict[str, str]:
        """Foreign keys that hold the same tensor as another foreign key (tied weights) -> that key."""
        return {}

    def translate(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> Translation:
        """A foreign state dict in our keys, with what was made of what.

        Args:
            parts: those of ours that are wanted; all that the file holds if None.

        Raises:
            CheckpointError: keys are missing, or tied weights differ.
        """
        state = self.clean(state)
        for copy, original in self.copies().items():  # of tied weights a file may hold either
            if copy in state and original not in state:
                state[original] = state[copy]
        entries = [entry for entry in self.file_entries(state, parts) if parts is None or entry.part in parts]
        missing = [key for entry in entries for key in entry.theirs if key not in state]
        if missing:
            raise CheckpointError(
                f'the {self.name} weights lack {len(missing)} of the tensors that the format has, such as {missing[0]}; '
                'the file is incomplete or of another format'
            )
        copies = {copy: original for copy, original in self.copies().items() if copy in state and original in state}
        for copy, original in copies.items():
            if not state[copy].is_meta and not torch.equal(state[copy], state[original]):
                raise CheckpointError(f'{copy} and {original} differ in the {self.name} weights, but the format ties them')
        read = {key for entry in entries for key in entry.theirs}
        read |= {copy for copy, original in copies.items() if original in read}
        return Translation(
            {entry.ours: entry.read(state) for entry in entries},
            {entry.ours: entry.theirs for entry in entries},
            {key: value.numel() for key, value in state.items() if key not in read},
        )

    def to_mplug2(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Foreign keys -> those of `Network`.

        Raises:
            CheckpointError: as in `translate`.
        """
        return self.translate(state).weights

    def from_mplug2(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Keys of `Network` -> foreign ones, for the parts that the format knows.

        Raises:
            CheckpointError: the network has none of them.
        """
        entries = self.network_entries(state)
        missing = [entry.ours for entry in entries if entry.ours not in state]
        if missing or not entries:
            what = f'{missing[0]}' if missing else 'any part of it'
            raise CheckpointError(f'the network has no {what}, so it cannot be written as {self.name} weights')
        foreign: dict[str, Tensor] = {}
        shared: dict[str, dict[int, Tensor]] = {}  # foreign key -> its rows, by where they begin
        for entry in entries:
            written = entry.write(state[entry.ours])
            if entry.rows is None:
                foreign.update(written)
            else:
                shared.setdefault(entry.theirs[0], {})[entry.rows[0]] = written[entry.theirs[0]]
        return foreign | {key: torch.cat([parts[first] for first in sorted(parts)]) for key, parts in shared.items()}


class StackFormat(Adapter):
    """Base of formats whose tables follow from the numbers of layers of their stacks.

    Attributes:
        stacks: what the numbered layers of a stack are under, ours -> theirs, in the order of `table`'s arguments.
    """

    stacks: ClassVar[Mapping[str, str]]

    @abstractmethod
    def table(self, *layers: int) -> Iterator[Entry]:
        """The table of so many layers of each stack."""

    def file_entries(self, state: Mapping[str, Tensor], parts: Collection[str] | None = None) -> list[Entry]:
        return [*self.table(*(count(state, theirs) for theirs in self.stacks.values()))]

    def network_entries(self, state: Mapping[str, Tensor]) -> list[Entry]:
        return [*self.table(*(count(state, ours) for ours in self.stacks))]


def to_model_keys(weights: Mapping[str, Any], own: Collection[str]) -> dict[str, Any]:
    """Weights, or what belongs to them, by our keys -> by those of a model: of its network, and of every task that has such a
    head.

    Args:
        own: keys of the model.
    """
    heads = {key.removeprefix(f'{HEADS}.'): value for key, value in weights.items() if key.startswith(f'{HEADS}.')}
    filled = {f'network.{key}': value for key, value in weights.items() if not key.startswith(f'{HEADS}.')}
    for key in own:
        start, _, rest = key.partition('.')
        if start == 'tasks' and rest.partition('.')[2] in heads:
            filled[key] = heads[rest.partition('.')[2]]
    return filled


def from_model_keys(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights of a model -> by our keys; of several tasks with such a head, the first one's."""
    weights = {}
    for key, value in state.items():
        start, _, rest = key.partition('.')
        if start == 'network':
            weights[rest] = value
        elif start == 'tasks':
            weights.setdefault(f'{HEADS}.{rest.partition(".")[2]}', value)
    return weights


def count(keys: Iterable[str], prefix: str) -> int:
    """How many numbered children a prefix has: 1 + the largest n with keys ``prefix + n + '.'``."""
    numbers = {key[len(prefix) :].split('.')[0] for key in keys if key.startswith(prefix)}
    return 1 + max((int(number) for number in numbers if number.isdigit()), default=-1)
