"""The optimizer wrapper: bf16 autocast on any device, clipping and skipping of bad steps that do not wait for the device."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.optim import OptimWrapper as _OptimWrapper
from mmengine.optim import ZeroRedundancyOptimizer
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim import Adam, AdamW, Optimizer

from ...objectives.denominator import noted_counts
from ...registry import OPTIM_WRAPPERS
from ...utils.dtensor import local_shard
from ...utils.processor import computes_bf16


@OPTIM_WRAPPERS.register_module()
class OptimWrapper(_OptimWrapper):
    """MMEngine's wrapper, with bf16 in the forward pass on request; bf16 needs no loss scaling, on the CPU or elsewhere.

    Accumulated batches (``accumulative_counts``) whose losses are means over tokens or pairs (`count_per_process`) weigh as
    many as they have, so that a step is that of one large batch; others weigh alike. Where a batch has several such losses,
    the sum of their counts is its weight.

    A step whose loss or gradient is not finite, on any process, changes neither weights nor the optimizer's state, and is
    counted (`skipped_steps`). A fused optimizer on a GPU decides that on the device; others wait for the gradient's norm.

    Args:
        dtype: 'bfloat16' to run the forward pass under autocast, None for full precision, 'auto' for bfloat16 where the
            hardware computes it natively. others: as in MMEngine.
    """

    def __init__(self, *args: Any, dtype: str | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        merge_groups(self.optimizer)
        if dtype not in (None, 'bfloat16', 'auto'):
            raise ValueError(f"optim_wrapper.dtype is None, 'bfloat16' or 'auto', not {dtype!r}")
        self.dtype = torch.bfloat16 if dtype == 'bfloat16' or (dtype == 'auto' and computes_bf16()) else None
        self.grad_norm: Tensor | None = None
        self._bad_loss: Tensor | None = None
        self._counts: list[Tensor] = []  # of the last forward pass
        self._accumulated: Tensor | None = None  # counts of all batches since the last step
        self._skipped: Tensor | None = None  # all so far, those in a row up to now, and the longest row since asked

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Around the forward pass."""
        device = next(model.parameters()).device.type
        cast = torch.autocast(device, self.dtype, enabled=self.dtype is not None)
        with super().optim_context(model), cast, noted_counts() as self._counts:
            yield

    def scale_loss(self, loss: Tensor) -> Tensor:
        """The loss times the share of its batch in the gradient of all that are accumulated; scales what is there already."""
        if self._accumulative_counts == 1 or not self._counts:
            return super().scale_loss(loss)
        count, before = torch.stack(self._counts).sum(), self._accumulated
        self._counts, self._accumulated = [], count if before is None else before + count
        total = self._accumulated.clamp(min=1)
        gradients = [
            local_shard(p.grad) for group in self.optimizer.param_groups for p in group['params'] if p.grad is not None
        ]
        if before is not None and gradients:
            torch._foreach_mul_(gradients, before / total)
        return loss * (count / total)

    def zero_grad(self, **kwargs: Any) -> None:
        self._accumulated = None
        super().zero_grad(**kwargs)

    def backward(self, loss: Tensor, **kwargs: Any) -> None:
        bad = ~torch.isfinite(loss.detach())
        self._bad_loss = bad if self._bad_loss is None else self._bad_loss | bad
        super().backward(loss, **kwargs)

    def step(self, **kwargs: Any) -> None:
        """Clip and step, unless a loss since the last step or the gradient is not finite."""
        gradients = [p.grad for group in self.optimizer.param_groups for p in group['params'] if p.grad is not None]
        if not gradients:
            return
        self._clip_grad()
        bad = ~torch.isfinite(self.grad_norm)
        if self._bad_loss is not None:
            bad = bad | self._bad_loss
            self._bad_loss = None
        bad = bad.float()
        if get_world_size() > 1:
            all_reduce(bad, 'max')
        self._count(bad)
        if bad.is_cuda and getattr(self.optimizer, '_step_supports_amp_scaling', False):
            self.optimizer.found_inf, self.optimizer.grad_scale = bad, None
            self.optimizer.step(**kwargs)
        elif not bad:
            self.optimizer.step(**kwargs)

    def _count(self, bad: Tensor) -> None:
        if self._skipped is None:
            self._skipped = bad.new_zeros(3)
        total, in_a_row, longest = self._skipped
        in_a_row = (in_a_row + 1) * bad
        self._skipped = torch.stack([total + bad, in_a_row, torch.maximum(longest, in_a_row)])

    def skipped_steps(self) -> tuple[int, int]:
        """Steps left out since the start of the process, and the most in a row of those since the last call, with what led up
        to that call; waits for the device."""
        if self._skipped is None:
            return 0, 0
        total, in_a_row, longest = self._skipped.tolist()
        self._skipped[2] = in_a_row
        return int(total), int(longest)

    def _clip_grad(self) -> None:
        """Note the gradient's norm, as a tensor: MMEngine's float waits for the whole backward pass. Then clip."""
        parameters = [p for group in self.optimizer.param_groups for p in group['params'] if p.grad is not None]
        clipping = dict(self.clip_grad_kwargs or {})
        self.grad_norm = total_norm([p.grad for p in parameters], clipping.get('norm_type', 2.0))
        if 'max_norm' in clipping:
            scale = (clipping['max_norm'] / (self.grad_norm + 1e-6)).clamp(max=1.0)
            torch._foreach_mul_([local_shard(p.grad) for p in parameters], scale)
        elif clipping:
            self.clip_func(parameters, **clipping)


def total_norm(gradients: list[Tensor], order: float = 2.0) -> Tensor:
    """Of all gradients together, those of sharded weights among them; each process has to ask."""
    norms = [
        torch.nn.utils.get_total_norm(some, order)
        for some in ([g for g in gradients if isinstance(g, DTensor)], [g for g in gradients if not isinstance(g, DTensor)])
        if some
    ]
    return torch.linalg.vector_norm(torch.stack([n.full_tensor() if isinstance(n, DTensor) else n for n in norms]), order)


def merge_groups(optimizer: Optimizer) -> None:
    """Make one group of all parameters that learn alike: MMEngine's constructor makes one of each parameter, and an optimizer
    pays for every group. Scalars, which sharding leaves whole, stay apart from what it shards: no fused step takes both, and a
    checkpoint is to fit with and without sharding."""
    if isinstance(optimizer, ZeroRedundancyOptimizer):  # it has given its groups to another optimizer already
        return
    merged: dict[str, dict[str, Any]] = {}
    for group in optimizer.param_groups:
        settings = sorted((name, repr(value)) for name, value in group.items() if name != 'params')
        for parameter in group['params']:
            alike = merged.setdefault(f'{settings} {parameter.ndim > 0}', {**group, 'params': []})
            alike['params'].append(parameter)
    optimizer.param_groups[:] = merged.values()


def fused(optimizer: Any) -> Any:
    """Adam and AdamW in their fused form: faster, and on a GPU it can leave out a step without asking the host.

    Others stay as they are, since of the fused steps these two alone take sharded parameters.
    """
    if not isinstance(optimizer, dict) or 'foreach' in optimizer or optimizer['type'] not in (Adam, AdamW):
        return optimizer
    return {'fused': True, **optimizer}


def describe_optimizer(optimizer: Optimizer) -> str:
    """An optimizer in one line: its name, learning rate, and how many parameters it has with and without weight decay."""
    counts = {True: 0, False: 0}
    for group in optimizer.param_groups:
        counts[bool(group.get('weight_decay'))] += sum(parameter.numel() for parameter in group['params'])
    rates = sorted({group['lr'] for group in optimizer.param_groups})
    rate = f'{rates[0]:g}' if len(rates) == 1 else f'{rates[0]:g} to {rates[-1]:g}'
    return (
        f'{type(optimizer).__name__}, learning rate {rate}: {counts[True]:,} parameters with weight decay, '
        f'{counts[False]:,} without'
    )


def not_a_parameter(record: logging.LogRecord) -> bool:
    """Leaves out the lines that MMEngine's optimizer constructor prints for every option and every frozen parameter."""
    message = str(record.msg)
    return not (message.startswith('paramwise_options') or message.endswith('is skipped since its requires_grad=False'))
