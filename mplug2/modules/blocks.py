"""How the blocks of a network run: recomputed in the backward pass, compiled, or both."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import nn

from .layers import Block


def blocks_of(module: nn.Module) -> Iterator[Block]:
    """The outermost blocks of a module, in order."""
    for child in module.children():
        if isinstance(child, Block):
            yield child
        else:
            yield from blocks_of(child)


def _named(network: nn.Module, names: Iterable[str]) -> Iterator[Block]:
    parts = dict(network.named_children())
    for name in names:
        if name not in parts:
            raise ValueError(f'the network has no module {name!r} whose blocks could be prepared; it has {sorted(parts)}')
        blocks = list(blocks_of(parts[name]))
        if not blocks:
            raise ValueError(f'{name} ({type(parts[name]).__name__}) is not made of blocks (mplug2.modules.layers.Block)')
        yield from blocks


def checkpoint_blocks(network: nn.Module, names: Iterable[str], every: int = 1) -> None:
    """Keep only the inputs of blocks for the backward pass and compute the rest again there (non-reentrant).

    Args:
        names: modules of the network ('vision_encoder', ...). every: one block in so many is recomputed.

    Raises:
        ValueError: a name that the network lacks, or a module without blocks.
    """
    for number, block in enumerate(_named(network, names)):
        block.recompute = number % every == 0


def compile_blocks(
    network: nn.Module, names: Iterable[str], momentum_encoders: Iterable[nn.Module] = (), **options: Any
) -> None:
    """Compile blocks in place; parameter names and checkpoints do not change, and equal blocks share the compiled code.

    Args:
        names: modules of the network. momentum encoders: copies of some of its modules (`MomentumEncoder.module`), whose blocks
            are compiled as the network's: a copy of a compiled block is not compiled. options: of `torch.compile`.

    Raises:
        ValueError: a name that the network lacks, or a module without blocks.
    """
    names = list(names)
    if not names:  # importing the compiler takes seconds
        return
    copies = [
        part for momentum_encoder in momentum_encoders for name, part in momentum_encoder.named_children() if name in names
    ]
    for block in (*_named(network, names), *(block for part in copies for block in blocks_of(part))):
        block.compile(**options)
    # All blocks pass through one function: each kind of them, with each set of arguments, counts as a recompilation of it.
    torch._dynamo.config.recompile_limit = max(torch._dynamo.config.recompile_limit, 64)


def prepare_blocks(
    network: nn.Module,
    recompute: Iterable[str] = (),
    every: int = 1,
    compile: Iterable[str] = (),
    options: dict[str, Any] | None = None,
    momentum_encoders: Iterable[nn.Module] = (),
) -> None:
    """`checkpoint_blocks` and `compile_blocks` as one config key.

    Args:
        recompute, every: as in `checkpoint_blocks`. compile, options, momentum encoders: as in `compile_blocks`.
    """
    checkpoint_blocks(network, recompute, every)
    compile_blocks(network, compile, momentum_encoders, **(options or {}))
