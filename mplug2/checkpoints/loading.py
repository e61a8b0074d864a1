"""Strict loading, with a table of what became what."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from fnmatch import fnmatchcase
from typing import NamedTuple

import torch
from mmengine.logging import print_log
from torch import Tensor, nn

from .errors import CheckpointError


class LoadReport(NamedTuple):
    """What a load did, tensor by tensor; printed as a table with one line for each group of layers.

    source: what was read. loaded: our key -> (foreign keys, number of values). resized: of those, the ones resampled to
    another grid or patch size. new: our keys that keep their own initialisation -> number of values. left_out: foreign keys
    that went nowhere -> number of values.
    """

    source: str
    loaded: dict[str, tuple[tuple[str, ...], int]]
    resized: tuple[str, ...]
    new: dict[str, int]
    left_out: dict[str, int]

    def __str__(self) -> str:
        groups: dict[tuple[str, str, str], list[int]] = {}
        for ours, (theirs, values) in self.loaded.items():
            status = 'resized' if ours in self.resized else 'matched' if theirs == (ours,) else 'renamed'
            groups.setdefault((status, _group(theirs[0]), _group(ours)), []).append(values)
        for key, values in self.new.items():
            groups.setdefault(('new', '', _group(key)), []).append(values)
        for key, values in self.left_out.items():
            groups.setdefault(('left out', _group(key), ''), []).append(values)
        rows = [('', 'in the file', 'in the model', 'tensors', 'values')]
        rows += [(*group, str(len(sizes)), f'{sum(sizes):,}') for group, sizes in groups.items()]
        return f'weights from {self.source}\n{table(rows)}'

    def totals(self) -> dict[str, int]:
        """Values loaded, new and left out."""
        loaded = sum(values for _, values in self.loaded.values())
        return dict(loaded=loaded, new=sum(self.new.values()), left_out=sum(self.left_out.values()))


def table(rows: list[tuple[str, ...]]) -> str:
    """Aligned columns, numbers to the right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]

    def cell(text: str, width: int) -> str:
        return text.rjust(width) if text.replace(',', '').replace('.', '').isdigit() else text.ljust(width)

    return '\n'.join('  '.join(map(cell, row, widths)).rstrip() for row in rows)


def _group(key: str) -> str:
    """A layer's place in its stack, for the table: ``a.layers.*`` of ``a.layers.3.weight``, else the first two components."""
    parts = key.split('.')
    for place, part in enumerate(parts):
        if part.isdigit():
            return '.'.join([*parts[:place], '*'])
    return '.'.join(parts[:2] if len(parts) > 2 else parts[:1])


def matches(key: str, patterns: Iterable[str]) -> bool:
    """Whether a key is one of the patterns (``*`` matches anything, dots included)."""
    return any(fnmatchcase(key, pattern) for pattern in patterns)


def load_strictly(
    model: nn.Module,
    weights: Mapping[str, Tensor],
    source: str,
    *,
    within: Collection[str] | None = None,
    new: Collection[str] = (),
    absent: Collection[str] = (),
    sources: Mapping[str, tuple[str, ...]] | None = None,
    left_out: Mapping[str, int] | None = None,
    resize_mode: str | None = None,
    assign: bool = False,
) -> LoadReport:
    """Load weights, each in its shape, all that the model has. A vision encoder's positions and patch kernel are resampled.

    Args:
        model: what they go to. weights: by the model's keys. source: what messages call them.
        within: prefixes of the keys that must be filled; all keys if None.
        new: patterns of keys that keep their own initialisation, whatever the file holds.
        absent: patterns of keys that may be missing from the file.
        sources, left_out: of the `Translation`, for the report. resize_mode: for positions of another grid, the encoder's own
            if None.
        assign: let the model hold the given tensors instead of copying their values.

    Raises:
        CheckpointError: missing, unexpected or misshaped weights, with examples; the model is then unchanged.
    """
    own = {key: value for key, value in model.state_dict().items() if within is None or key.startswith(tuple(within))}
    kept_new = {key: value for key, value in own.items() if matches(key, new)}
    absent = (*absent, *getattr(model, 'adapter_keys', ()))
    unfilled = {key: value for key, value in own.items() if key not in kept_new and key not in weights and matches(key, absent)}
    filled = {key: value for key, value in weights.items() if not matches(key, new)}
    resized = []
    for key in [key for key in filled if key in own]:
        fitted = resample_to(model, key, filled[key], own[key], resize_mode)
        if fitted is not filled[key]:
            filled[key] = fitted
            resized.append(key)
    check_shapes(
        source,
        {key: value.shape for key, value in filled.items()},
        {key: value.shape for key, value in own.items() if key not in kept_new and key not in unfilled},
        'Sizes must be those that the weights were trained with; list what is meant to start anew under new=[...] '
        '(patterns of keys)',
    )
    # Not together with what the model holds: modules that keep track of what was loaded would take their own for it.
    model.load_state_dict(filled, strict=False, assign=assign)
    names = sources or {}
    return LoadReport(
        source,
        {key: (names.get(key, (key,)), own[key].numel()) for key in filled},
        tuple(resized),
        {key: value.numel() for key, value in {**kept_new, **unfilled}.items()},
        dict(left_out or {}),
    )


def check_shapes(source: str, file: Mapping[str, torch.Size], model: Mapping[str, torch.Size], advice: str) -> None:
    """Hold the shapes of weights in a file against a model's, of all that has to fit.

    Args:
        source: what the message calls the file. advice: its last sentence.

    Raises:
        CheckpointError: they differ; how many do, with an example of each kind.
    """
    problems = {
        'missing from the file': [key for key in model if key not in file],
        'unknown to the model': [key for key in file if key not in model],
        'of another shape': [
            f'{key} ({tuple(file[key])} in the file, {tuple(model[key])} in the model)'
            for key in file
            if key in model and file[key] != model[key]
        ],
    }
    kinds = '; '.join(f'{len(keys)} {kind}, such as {keys[0]}' for kind, keys in problems.items() if keys)
    if kinds:
        raise CheckpointError(f'the weights of {source} do not fit the model: {kinds}. {advice}')


def unread_training_state(model: nn.Module, own: Mapping[str, torch.Size], theirs: Mapping[str, torch.Size]) -> set[str]:
    """Keys of what only training uses of a task (`Task.training_state`), where a file has not all of it in the same shapes.

    Half a momentum encoder would be no momentum encoder.

    Args:
        own, theirs: shapes by key, of the model and of the file.
    """
    unread: set[str] = set()
    for name, task in getattr(model, 'tasks', {}).items():
        for pattern in task.training_state:
            state = {key for key in own if matches(key, [f'tasks.{name}.{pattern}'])}
            if any(theirs.get(key) != own[key] for key in state):
                unread |= state
    return unread


def resample_to(model: nn.Module, key: str, theirs: Tensor, ours: Tensor, mode: str | None = None) -> Tensor:
    """What the encoder that owns a key makes of a tensor of another grid or patch size; anything else as it is.

    Args:
        model: whose key it is. mode: for positions, the encoder's own way if None.
    """
    module, name = model, key
    while theirs.shape != ours.shape and module is not None:
        if hasattr(module, 'resample_state'):
            return module.resample_state(name, theirs, mode)
        part, _, name = name.partition('.')
        module = getattr(module, part, None) if name else None
    return theirs


def show(report: LoadReport) -> LoadReport:
    """Print a report where MMEngine's current logger writes, else to the standard output."""
    print_log(str(report), logger='current')
    return report
