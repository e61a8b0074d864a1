"""``init_cfg`` initialisers: ``MPlug2(..., init_cfg=[dict(type=ClipWeights, source='ViT-L-14.safetensors'), ...])``.

Each takes a local file, a folder, or the name of a hub repository; fills the network it is applied to, or the only one inside
the module it is applied to (a detector); prints a table; and fails on anything missing or misshaped that ``new`` does not name.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, TypeVar

from torch import Tensor, nn

from ..networks import Network
from ..registry import WEIGHT_INITIALIZERS
from .errors import CheckpointError
from .files import read_state
from .formats import formats
from .formats.adapter import HEADS, Adapter, to_model_keys
from .formats.bert import BertFormat
from .formats.release import PARTS, ReleaseFormat
from .formats.vit import ClipFormat, DinoFormat, HuggingFaceClipFormat, HuggingFaceDinoFormat
from .loading import LoadReport, load_strictly, matches, show, unread_training_state
from .same_function import refuse_other_function


@WEIGHT_INITIALIZERS.register_module()
class ForeignWeights:
    """Another project's weights, in any registered format (`WEIGHT_FORMATS`); the base of those below, of one family each.

    Args:
        source: file, folder, hub name or state dict. new: patterns of network keys (``decoder.embedding.*``) that keep their
            own initialisation. parts: those of the network to fill; if None all that it has, and what the file has of the
            model's tasks (`HEADS`).
    """

    formats: ClassVar[tuple[type[Adapter], ...]] = ()  # that the file may have; all that are registered if empty
    known_parts: ClassVar[tuple[str, ...]] = ()  # that the formats know; all of the network if empty

    def __init__(
        self, source: str | Path | Mapping[str, Tensor], new: Sequence[str] = (), parts: Sequence[str] | None = None
    ) -> None:
        self.source = source
        self.new = tuple(new)
        self.parts = tuple(parts) if parts is not None else self.known_parts
        self.with_heads = parts is None
        unknown = sorted(set(self.parts) - set(self.known_parts))
        if unknown and self.known_parts:
            known = ', '.join(self.known_parts)
            raise ValueError(f'{type(self).__name__} fills {known}; parts names {", ".join(unknown)}')

    @property
    def name(self) -> str:
        return 'a state dict' if isinstance(self.source, Mapping) else str(self.source)

    def __call__(self, module: nn.Module) -> LoadReport:
        network = find_network(module)
        state = read_state(self.source)
        parts = [part for part in self.parts or network._modules if network.has(part)]
        adapter = pick_adapter(state, self.formats or formats(), self.name).for_network(network, parts)
        with_heads = self.with_heads and not isinstance(module, Network)
        translated = adapter.translate(state, [*parts, HEADS] if with_heads else parts)
        refuse_other_function(self.name, self.source, network, parts, translated.left_out, self.new)
        heads = {key: value for key, value in translated.weights.items() if key.startswith(f'{HEADS}.')}
        if heads:
            self._fill_heads(find_model(module), heads)
        return show(
            load_strictly(
                network,
                {key: value for key, value in translated.weights.items() if key not in heads},
                self.name,
                within=[f'{part}.' for part in parts],
                new=self.new,
                absent=adapter.absent,
                sources=translated.sources,
                left_out=translated.left_out,
                resize_mode=adapter.resize_mode,
            )
        )

    def _fill_heads(self, model: nn.Module, heads: Mapping[str, Tensor]) -> None:
        """Fill what tasks have of the file's heads."""
        weights = to_model_keys(heads, model.state_dict())
        if weights:
            load_strictly(model, weights, self.name, within=tuple(weights), new=self.new)


class _VisionWeights(ForeignWeights):
    """Fills the vision encoder. Positions are resampled to its grid, and the patch kernel to its patch size, where they
    differ; temporal modules, which images know nothing of, start as they are.

    Raises:
        CheckpointError: the encoder's blocks are post-norm (the paper's form), in which weights of pre-norm blocks compute
            something else, and ``new`` does not name them."""

    known_parts = ('vision_encoder',)

    def __call__(self, module: nn.Module) -> LoadReport:
        encoder = find_network(module).vision_encoder
        blocks = [f'vision_encoder.{key}' for key in encoder.state_dict() if key.startswith('blocks.')]
        if getattr(encoder, 'norm', 'pre') == 'post' and not all(matches(key, self.new) for key in blocks):
            raise CheckpointError(
                f'{self.name} holds pre-norm blocks, and the vision encoder has norm="post": the weights would load and '
                'compute something else. Take the embedding alone, by new=["vision_encoder.blocks.*"], or set norm="pre"'
            )
        return super().__call__(module)


@WEIGHT_INITIALIZERS.register_module()
class ClipWeights(_VisionWeights):
    __doc__ = f'CLIP, with the keys of OpenAI or HuggingFace. {_VisionWeights.__doc__}'

    formats = (ClipFormat, HuggingFaceClipFormat)


@WEIGHT_INITIALIZERS.register_module()
class DinoWeights(_VisionWeights):
    __doc__ = f'DINOv2, with the keys of Meta (timm) or HuggingFace. {_VisionWeights.__doc__}'

    formats = (DinoFormat, HuggingFaceDinoFormat)


@WEIGHT_INITIALIZERS.register_module()
class BertWeights(ForeignWeights):
    """BERT: its last layers fill the universal layers, those before the text encoder; its last once more the fusion layers, its
    first once more the decoder, as the authors initialised theirs. Cross-attention and queries start as they are."""

    formats = (BertFormat,)
    known_parts = ('text_encoder', 'universal', 'fusion', 'decoder')


@WEIGHT_INITIALIZERS.register_module()
class ReleaseWeights(ForeignWeights):
    """A published mPLUG-2 file, for a network of its sizes; how many fusion layers are used, the network says."""

    formats = (ReleaseFormat,)
    known_parts = PARTS


@WEIGHT_INITIALIZERS.register_module()
class MPlug2Weights:
    """A checkpoint of ours, or a converted file: pre-trained weights for another task.

    Args:
        source: file, folder, hub name or state dict. new: patterns of model keys (``tasks.*``) that keep their own
            initialisation. absent: patterns of those that keep it where the file lacks them. prefix: what comes before
            ``network.`` in the file (``backbone.model.`` of a detector's).
        rename: prefixes of keys in the file -> what the model calls them
            (``{'tasks.contrastive.': 'tasks.retrieval.'}``).
        parts: of the network to fill, with nothing else; if None the whole model, task heads included.

    Keys of the file that the model has no place for are left out and listed; a model key that the file lacks is an error, but
    for what only training uses of a task (a momentum encoder, its queues).
    """

    def __init__(
        self,
        source: str | Path | Mapping[str, Tensor],
        new: Sequence[str] = (),
        absent: Sequence[str] = (),
        prefix: str = '',
        rename: Mapping[str, str] | None = None,
        parts: Sequence[str] | None = None,
    ) -> None:
        self.source = source
        self.new, self.absent = tuple(new), tuple(absent)
        self.prefix = prefix
        self.rename = dict(rename or {})
        self.within = ('',) if parts is None else tuple(f'network.{part}.' for part in parts)

    def __call__(self, module: nn.Module) -> LoadReport:
        model = find_model(module)
        state = read_state(self.source)
        name = 'a state dict' if isinstance(self.source, Mapping) else str(self.source)
        if not any(key.startswith(f'{self.prefix}network.') for key in state):
            there = ', '.join(sorted({key.split('.')[0] for key in state}))
            raise CheckpointError(
                f'{name} has no keys under {self.prefix}network.; it has {there}: '
                'set prefix to what comes before network., or convert the file first (mplug2 convert)'
            )
        wanted = {key for key in model.state_dict() if key.startswith(self.within)}
        sources = {self._ours(key): (key,) for key in state if key.startswith(self.prefix)}
        filled = {ours: state[theirs[0]] for ours, theirs in sources.items() if ours in wanted}
        shapes = {key: value.shape for key, value in model.state_dict().items()}
        unread = unread_training_state(model, shapes, {key: value.shape for key, value in filled.items()})
        filled = {key: value for key, value in filled.items() if key not in unread}
        used = {sources[ours][0] for ours in filled}
        return show(
            load_strictly(
                model,
                filled,
                name,
                within=self.within,
                new=self.new,
                absent=(*self.absent, *unread),
                sources=sources,
                left_out={key: value.numel() for key, value in state.items() if key not in used},
            )
        )

    def _ours(self, key: str) -> str:
        key = key.removeprefix(self.prefix)
        for old, new in self.rename.items():
            if key.startswith(old):
                return new + key.removeprefix(old)
        return key


def find_model(module: nn.Module) -> nn.Module:
    """The module that holds a network: the given one, or the only one inside it.

    One that is inside is initialised first, so that its own initialisation, which MMEngine runs after the outer module's
    ``init_cfg``, does not undo the loading.

    Raises:
        ValueError: there is none, or several.
    """
    if isinstance(getattr(module, 'network', None), Network):
        return module
    holders = [child for child in module.modules() if isinstance(getattr(child, 'network', None), Network)]
    if len(holders) != 1:
        raise ValueError(f'weights fill a model with one network, but {type(module).__name__} has {len(holders)}')
    if not getattr(holders[0], 'is_init', True):
        holders[0].init_weights()
    return holders[0]


def find_network(module: nn.Module) -> Network:
    """The network that a module is, or holds.

    Raises:
        ValueError: as in `find_model`.
    """
    return module if isinstance(module, Network) else find_model(module).network


AnyAdapter = TypeVar('AnyAdapter', Adapter, type[Adapter])


def pick_adapter(state: Mapping[str, Tensor], adapters: Sequence[AnyAdapter], name: str) -> AnyAdapter:
    """The adapter, of some or of some classes, whose format a state dict has.

    Raises:
        CheckpointError: none; says which were tried and what the keys look like.
    """
    for adapter in adapters:
        if adapter.recognises(adapter.clean(state)):
            return adapter
    raise CheckpointError(
        f'{name} has the keys of none of the formats {", ".join(adapter.name for adapter in adapters)}: '
        f'its keys are like {", ".join(sorted(state)[:3])}'
    )
