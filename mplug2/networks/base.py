"""A network: a bag of modules under any names, and the wiring that makes features of them."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Iterable, Mapping
from typing import ClassVar, NamedTuple

from torch import Tensor, nn

from ..modules.contracts import Decoder, Memory, VisionEncoder, check_members
from ..registry import MODELS
from ..structures import Tokens
from .features import FusedFeatures, TextFeatures, VisionFeatures


class Connection(NamedTuple):
    """Where modules meet. name: of the projector that may be there. source, target: modules, with the widths that meet."""

    name: str
    source: str
    source_width: int
    target: str
    target_width: int


class Network(nn.Module):
    """Base of the wirings. A subclass is registered in ``MODELS`` and says how its modules make features.

    `stages` names what a task can ask for, 'vision', 'text', 'fused' and 'decoder' among others, and the modules that each
    stage goes through. Those in `optional`, projectors among them, may be absent.

    Args:
        projectors: connection -> config of the projector between its modules, whose widths are filled in; None where no task
            passes, whatever the widths.
        modules: name -> module, its config, or None where it is absent.

    Raises:
        ValueError: a connection joins two widths without a projector, or a projector has no connection.
        TypeError: a module does not fulfil its contract.
    """

    stages: ClassVar[Mapping[str, tuple[str, ...]]] = {}
    optional: ClassVar[frozenset[str]] = frozenset()
    contracts: ClassVar[Mapping[str, type]] = {}  # name of a module -> what it has to fulfil (`modules.contracts`)
    momentum_stages: ClassVar[tuple[str, ...]] = ('vision', 'text')  # what a momentum encoder averages
    vocabularies: ClassVar[Mapping[str, str]] = {'text': 'text_encoder', 'decoder': 'decoder'}  # role of a tokenizer -> module
    # Of wirings that have them; None where they are absent.
    vision_encoder: VisionEncoder
    decoder: Decoder
    reads_across: bool = False  # whether `fuse` reads more than `VisionFeatures.memory` and `TextFeatures.tokens`

    def __init__(self, projectors: Mapping[str, dict] | None = None, **modules: nn.Module | dict | None) -> None:
        super().__init__()
        for name, module in modules.items():
            self.register_module(
                name, MODELS.build(module) if isinstance(module, Mapping) else module
            )  # None too: it is absent
        for slot, contract in self.contracts.items():
            if self.has(slot):
                check_members(self._modules[slot], contract, slot)
        self.closed: set[str] = set()
        self._connect(dict(projectors or {}))

    def _connect(self, projectors: dict[str, dict]) -> None:
        for name, source, source_width, target, target_width in self.connections():
            closed = name in projectors and projectors[name] is None
            cfg = projectors.pop(name, None)
            if closed:
                self.closed.add(name)
            elif cfg is not None:
                self.register_module(name, MODELS.build({**cfg, 'in_width': source_width, 'width': target_width}))
            elif source_width != target_width:
                raise ValueError(
                    f'{source} gives {source_width} channels and {target} takes {target_width}: make them equal, or put a '
                    f"projector between them, projectors=dict({name}=dict(type='LinearProjector')), None where no task passes"
                )
        if projectors:
            known = ', '.join(connection.name for connection in self.connections())
            raise ValueError(f'nothing is connected at {", ".join(projectors)}; the connections of this network are {known}')

    def connections(self) -> Iterable[Connection]:
        """Where the modules that are there meet."""
        return ()

    def project(self, connection: str, tokens: Tensor) -> Tensor:
        """Pass tokens (B, N, C) through a connection.

        Raises:
            ValueError: its projector is None in the config.
        """
        if connection in self.closed:
            raise ValueError(f'a task passes {connection}, whose projector is None: give it one')
        projector = self._modules.get(connection)
        return tokens if projector is None else projector(tokens)

    @abstractmethod
    def width_of(self, stage: str) -> int:
        """Channels of the features of a stage."""

    def encode_vision(self, frames: Tensor) -> VisionFeatures:
        """frames: (B, T, 3, H, W), normalised."""
        raise NotImplementedError(f'{type(self).__name__} has no vision')

    def encode_text(self, text: Tokens) -> TextFeatures:
        raise NotImplementedError(f'{type(self).__name__} has no text')

    def fuse(self, text: TextFeatures, vision: VisionFeatures) -> FusedFeatures:
        raise NotImplementedError(f'{type(self).__name__} does not fuse text and vision')

    def memory(self, stage: str, features: VisionFeatures | TextFeatures | FusedFeatures) -> Memory:
        """What the decoder attends to, made of the features of a stage."""
        raise NotImplementedError(f'{type(self).__name__} has no decoder')

    def modules_of(self, stages: Iterable[str]) -> frozenset[str]:
        """Names of the modules of some stages; of optional ones, those that are there."""
        names = (name for stage in stages for name in self.stages[stage])
        return frozenset(name for name in names if self.has(name) or name not in self.optional)

    def has(self, name: str) -> bool:
        return self._modules.get(name) is not None

    def drop(self, names: Iterable[str]) -> None:
        """Make modules absent."""
        for name in names:
            self._modules[name] = None

    def subset(self, names: Iterable[str]) -> Network:
        """A network of only those modules, shared with this one (for a momentum encoder)."""
        names = set(names)
        part = copy.copy(self)
        part._modules = {name: module if name in names else None for name, module in self._modules.items()}
        return part

    def averaged(self) -> Network:
        """What a momentum encoder averages, as a network of its own that shares the modules."""
        return self.subset(self.modules_of(self.momentum_stages))
