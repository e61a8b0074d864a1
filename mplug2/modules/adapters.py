"""Adapters of peft on any module: small matrices beside frozen ones.

Keys of a state dict stay what they are without adapters; those of the adapters come on top.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor, nn

BASE = '.base_layer.'  # what peft puts between the name of an adapted layer and those of its own weights


def add_adapters(
    network: nn.Module, modules: Sequence[str], kind: str = 'lora', trained: Sequence[str] = (), **options: Any
) -> frozenset[str]:
    """Put adapters beside linear layers; all other parameters keep their values.

    Args:
        network: changed in place. modules: patterns of names of linear layers in it (``decoder.layers.*.qkv``). kind: of peft's
            ('lora', 'ia3', 'oft', ...). trained: patterns of names of parameters that are trained as they are. options: of
            peft's config of that kind (``r=8, lora_alpha=16, lora_dropout=0.1, use_dora=True``).

    Returns:
        keys that the adapters add to the network's state dict.

    Raises:
        ImportError: peft is not installed. ValueError: no such kind, or a pattern matches nothing.
    """
    try:
        from peft import inject_adapter_in_model
        from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING
    except ImportError as error:
        raise ImportError("adapters need the package peft: pip install 'mplug2[peft]'") from error
    known = {kind.value.lower(): config for kind, config in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
    if kind not in known:
        raise ValueError(f'adapters of kind {kind!r}: peft has {", ".join(sorted(known))}')
    before = set(network.state_dict())
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    names = _matching(linear, modules, 'adapters are added to linear layers')
    trained = _matching([name for name, _ in network.named_parameters()], trained, 'trained parameters are named')
    kept = [network.get_parameter(name) for name in trained]
    network.requires_grad_(False)
    inject_adapter_in_model(known[kind](target_modules='|'.join(map(re.escape, names)), **options), network)
    for parameter in kept:
        parameter.requires_grad_()
    network._register_state_dict_hook(_hide_base)
    network.register_load_state_dict_pre_hook(_show_base)
    return frozenset(set(network.state_dict()) - before)


def _matching(names: Iterable[str], patterns: Sequence[str], what: str) -> list[str]:
    names = list(names)
    empty = [pattern for pattern in patterns if not any(fnmatchcase(name, pattern) for name in names)]
    if empty:
        raise ValueError(f'{what} by patterns, of which {", ".join(empty)} matches none; there are names like {names[0]}')
    return [name for name in names if any(fnmatchcase(name, pattern) for pattern in patterns)]


def _hide_base(network: nn.Module, state: dict[str, Tensor], prefix: str, _: Any) -> None:
    for key in list(state):
        if key.startswith(prefix):  # all of them, so that the order stays
            state[key.replace(BASE, '.')] = state.pop(key)


def _show_base(network: nn.Module, state: dict[str, Tensor], prefix: str, *_: Any) -> None:
    for name, _parameter in network.named_parameters():
        plain = prefix + name.replace(BASE, '.')
        if BASE in name and plain in state:
            state[prefix + name] = state.pop(plain)


def merge_adapters(network: nn.Module) -> None:
    """Merge adapters into the weights of their layers, and remove them."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    for name, module in list(network.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge()
            parent, _, child = name.rpartition('.')
            setattr(network.get_submodule(parent), child, module.get_base_layer())
