"""From one weight format to another, through ours."""

from __future__ import annotations

from collections.abc import Mapping
from inspect import signature

from torch import Tensor

from .errors import CheckpointError
from .formats import formats
from .formats.adapter import HEADS, Adapter, from_model_keys
from .initializers import pick_adapter
from .loading import LoadReport

OURS = 'mplug2'
PREFIX = 'network.'  # of a model's weights in our files


def adapters(**options: int | None) -> dict[str, Adapter]:
    """The foreign formats by name, in the order of recognition (`formats`).

    Args:
        options: arguments of adapters; each takes those that it knows.
    """
    return {
        kind.name: kind(**{key: value for key, value in options.items() if key in signature(kind).parameters})
        for kind in formats()
    }


def convert(
    state: Mapping[str, Tensor],
    source: str,
    format: str = 'auto',
    to: str = OURS,
    universal_layers: int = 2,
    fusion_layers: int | None = None,
) -> tuple[dict[str, Tensor], LoadReport]:
    """Weights in another format, and what was made of what on the way into ours.

    Args:
        state: the weights. source: what messages call them. format, to: 'mplug2' or the name of a format; 'auto' recognises the
            source. universal_layers: of `BertFormat`. fusion_layers: of `ReleaseFormat`.

    Raises:
        CheckpointError: no such format, not of that format, incomplete, or without what the wanted format holds.
    """
    known = adapters(universal_layers=universal_layers, fusion_layers=fusion_layers)
    for name, allowed in ((format, ('auto', OURS, *known)), (to, (OURS, *known))):
        if name not in allowed:
            raise CheckpointError(f'{name!r} is no weight format: there are {OURS}, {", ".join(known)}')
    adapter = None
    if format == OURS or (format == 'auto' and any(key.startswith(PREFIX) for key in state)):
        weights = {key.removeprefix(PREFIX): value for key, value in state.items() if key.startswith(PREFIX)}
        if not weights:
            raise CheckpointError(f'{source} is no mplug2 file: it has no {PREFIX}* keys but {", ".join(sorted(state)[:3])}')
        sources = {key: (PREFIX + key,) for key in weights}
        left_out = {key: value.numel() for key, value in state.items() if not key.startswith(PREFIX)}
    else:
        adapter = pick_adapter(state, list(known.values()) if format == 'auto' else [known[format]], source)
        weights, sources, left_out = adapter.translate(state)
    report = LoadReport(source, {key: (sources[key], value.numel()) for key, value in weights.items()}, (), {}, left_out)
    if to == OURS:
        task = f'tasks.{adapter.task}.' if adapter else ''
        heads = f'{HEADS}.'
        return {
            task + key.removeprefix(heads) if key.startswith(heads) else PREFIX + key: value for key, value in weights.items()
        }, report
    return known[to].from_mplug2(from_model_keys(state) if adapter is None else weights), report
