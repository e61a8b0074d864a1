"""Overrides of config keys (``--cfg-options``). A mistyped key is an error, not a new key that nothing reads."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Mapping
from functools import cache
from typing import Any

from ..utils.sources import arguments as arguments_in_source

NEW = '+'  # prefix that adds an unknown key
# Keys that our config loader, our commands, our runner or MMEngine's read, beside the arguments of the runner.
TOP_LEVEL = (
    'parallel',
    'runner_type',
    'custom_imports',
    'instructions',
    'model_wrapper_cfg',
    'find_unused_parameters',
    'sync_bn',
    'activation_checkpointing',
    'efficient_conv_bn_eval',
    'compile',
    'drawn_by',
    'auto_scale_lr',
    'tta_model',
    'tta_pipeline',
)


def check_options(cfg: Mapping, options: Mapping[str, Any]) -> dict[str, Any]:
    """Check that options set only keys that the config or a class in it knows.

    A key is known if the config has it, if the class of its dict takes an argument of that name, or if it is an
    argument of the runner or of a loader. A dict whose class is a string or replaced by another option, and one that
    the config does not have, take any key. Elsewhere a plus adds a new key: ``+model.tasks.mine.extra=1``.

    Args:
        cfg: the config, unchanged. options: dotted key -> value.

    Returns:
        the options without the plus signs.

    Raises:
        KeyError: an unknown key; suggests similar ones.
    """
    checked = {}
    for key, value in options.items():
        if key.startswith(NEW):
            key = key[len(NEW) :]
        else:
            _check(cfg, key, options)
        checked[key] = value
    return checked


def _check(cfg: Mapping, key: str, options: Mapping[str, Any]) -> None:
    node: Any = cfg
    walked: list[str] = []
    for part in key.split('.'):
        if isinstance(node, (list, tuple)):
            if not part.isdigit() or int(part) >= len(node):
                return  # merging reports it
            node = node[int(part)]
        elif isinstance(node, Mapping):
            if part not in node:
                known = _takes(node, walked, options)
                if known is not None and part not in known:
                    raise KeyError(_unknown(key, part, walked, {*map(str, node), *known}))
                return
            node = node[part]
        else:
            return
        walked.append(part)


def _takes(node: Mapping, walked: list[str], options: Mapping[str, Any]) -> set[str] | None:
    """Arguments that a dict takes beside its own keys; None for any."""
    if '.'.join([*walked, 'type']) in options:
        return None
    if not walked:
        return known_to_runs()
    if 'type' in node:
        kind = node['type']
        return None if isinstance(kind, str) else arguments(kind)
    if walked[-1].endswith('_dataloader'):
        from torch.utils.data import DataLoader

        return arguments(DataLoader)
    if walked == ['randomness']:
        return {'seed', 'diff_rank_seed', 'deterministic'}
    return set()


@cache
def known_to_runs() -> frozenset[str]:
    """Top-level keys that a run reads."""
    # The runner's source, since importing it takes seconds, and every load of a config asks this.
    return frozenset(arguments_in_source('mmengine.runner.runner.Runner')) | set(TOP_LEVEL)


def arguments(kind: Any) -> set[str] | None:
    """Argument names of a class or function, including those it passes to its base classes; None for any name."""
    if not inspect.isclass(kind):
        parameters = inspect.signature(kind).parameters.values()
        return None if any(p.kind is p.VAR_KEYWORD for p in parameters) else {p.name for p in parameters}
    names: set[str] = set()
    for base in kind.__mro__:
        if '__init__' not in base.__dict__:
            continue
        parameters = list(inspect.signature(base.__init__).parameters.values())[1:]
        names |= {p.name for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)}
        if base is object or not any(p.kind is p.VAR_KEYWORD for p in parameters):
            return names
    return None


def _unknown(key: str, part: str, walked: list[str], known: set[str]) -> str:
    where = '.'.join(walked) or 'the config'
    near = difflib.get_close_matches(part, known, n=3, cutoff=0.5)
    hint = f'did you mean {" or ".join(near)}?' if near else f'it knows {", ".join(sorted(known)) or "no keys"}.'
    return f'no key {key}: {where} has and takes no {part!r}; {hint} To add a new key, write {NEW}{key}=...'
