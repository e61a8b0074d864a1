"""Fully sharded data parallelism (FSDP2): each process keeps a slice of every weight, its gradient and optimizer state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.distributed.tensor import DTensor

from ...modules.blocks import blocks_of
from ...modules.contracts import Decoder
from ...modules.momentum import momentum_encoders_of
from ...registry import HOOKS
from ...utils.dtensor import shard_like


def shard_model(model: nn.Module) -> None:
    """Shard a model's parameters over all processes, in place; names and order of its parameters stay.

    A block is gathered for its own computation alone. A decoder, whose word table and head are tied, is one unit, which stays
    gathered from its first use in a step on, so that processes may generate texts of unequal lengths. The rest (embeddings,
    heads, queries) is gathered for the whole step. Of a momentum encoder the blocks are sharded as those that they follow; the
    rest of it is whole on every process, as are scalars (temperatures).

    Args:
        model: with its weights initialised, equal on all processes.
    """
    mesh = init_device_mesh(get_device(), (get_world_size(),))
    decoders = [module for module in model.modules() if isinstance(module, Decoder)]
    within = {id(block) for decoder in decoders for block in blocks_of(decoder)}
    blocks = [block for block in blocks_of(model) if id(block) not in within]
    scalars = {parameter for parameter in model.parameters() if not parameter.ndim}
    for scalar in scalars:
        if scalar.requires_grad:
            scalar.register_post_accumulate_grad_hook(_average_gradient)
    for block in blocks:
        fully_shard(block, mesh=mesh, reshard_after_forward=True, ignored_params=scalars)
    whole = {
        parameter
        for momentum_encoder in momentum_encoders_of(model)
        for parameter in momentum_encoder.parameters()
        if not isinstance(parameter, DTensor)
    }
    for decoder in decoders:
        fully_shard(decoder, mesh=mesh, reshard_after_forward=False, ignored_params=scalars)
        for name in decoder.entry_points:
            register_fsdp_forward_method(decoder, name)
    fully_shard(model, mesh=mesh, reshard_after_forward=False, ignored_params=whole | scalars)


def _average_gradient(parameter: Tensor) -> None:
    all_reduce(parameter.grad, 'mean')  # what earlier backward passes of the step left is equal everywhere, so it stays


def is_sharded(model: nn.Module) -> bool:
    return isinstance(model, FSDPModule)


def place_optimizer_state(state: Mapping[str, Any], optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """An optimizer's state dict with what belongs to sharded parameters sharded as they are."""
    parameters = [parameter for group in optimizer.param_groups for parameter in group['params']]
    states = {}
    for index, values in state['state'].items():
        like = parameters[index]
        states[index] = {
            key: shard_like(value, like) if isinstance(value, Tensor) and value.shape == like.shape else value
            for key, value in values.items()
        }
    return {**state, 'state': states}


@HOOKS.register_module()
class UnshardForValidation(Hook):
    """Makes the parameters whole on every process while a sharded model is validated.

    Any part of the network may then be called, on any process any number of times: texts end at different lengths, galleries
    are shared out unevenly. The runner adds the hook where it shards.
    """

    priority = 'HIGHEST'

    def before_val_epoch(self, runner: Any) -> None:
        model = runner.model
        model._get_fsdp_state()._lazy_init()  # otherwise the first part that is called would be taken for the whole model
        for unit in _units(model):
            unit.unshard()
        model.set_reshard_after_forward(False)

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        for unit in _units(runner.model):
            keeps = unit is runner.model or isinstance(unit, Decoder)
            unit.set_reshard_after_forward(not keeps, recurse=False)
            unit.reshard()


def _units(model: nn.Module) -> Iterator[FSDPModule]:
    return (module for module in model.modules() if isinstance(module, FSDPModule))
