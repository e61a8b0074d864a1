"""Which tensors are alive, and how many FLOPs are spent, while a program runs; with or without storage behind the tensors.

Letters in shapes: B samples, H heads, L query tokens, N memory tokens, D channels of a head.
"""

from __future__ import annotations

import math
import weakref
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from ..modules import layers
from .flops import flops_of


class LiveMemory(TorchDispatchMode):
    """Follows which storages are alive, by kind, and how many FLOPs the operations take.

    Attributes:
        label: kind of what is allocated from now on. live, peak: bytes, now and at most. flops: so far.
    """

    def __init__(self) -> None:
        super().__init__()
        self.label = 'activations'
        self.live: Counter[str] = Counter()
        self.peak = 0
        self.flops = 0
        self._kinds: dict[int, tuple[str, int]] = {}

    def own(self, tensor: Tensor, kind: str) -> None:
        """Count a tensor's storage, from now on under `kind`."""
        storage = tensor.untyped_storage()
        key = storage._cdata
        if key in self._kinds:
            before, size = self._kinds[key]
            self.live[before] -= size
        else:
            size = storage.nbytes()
            weakref.finalize(storage, self._gone, key)
        self._kinds[key] = (kind, size)
        self.live[kind] += size
        self.peak = max(self.peak, sum(self.live.values()))

    def kind_of(self, tensor: Tensor) -> str | None:
        return self._kinds.get(tensor.untyped_storage()._cdata, (None,))[0]

    def _gone(self, key: int) -> None:
        kind, size = self._kinds.pop(key)
        self.live[kind] -= size

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = function(*args, **(kwargs or {}))
        self.flops += flops_of(function, args, kwargs or {}, out)
        for tensor in tree_leaves(out):
            if isinstance(tensor, Tensor) and self.kind_of(tensor) is None:
                cast = function is torch.ops.aten._to_copy.default and self.kind_of(args[0]) == 'weights'
                self.own(tensor, 'casts' if cast else self.label)
        return out


class _FusedAttention(torch.autograd.Function):
    """What a GPU's fused kernel keeps, in place of whatever the CPU would choose: no scores, with dropout or without."""

    @staticmethod
    def forward(context: Any, query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, memory: LiveMemory) -> Tensor:
        out = query.new_empty(*query.shape[:-1], value.shape[-1])
        normaliser = query.new_empty(query.shape[:-1], dtype=torch.float32)
        context.save_for_backward(query, key, value, out, normaliser, *([] if mask is None else [mask.to(query.dtype)]))
        context.memory, context.flops = memory, 4 * math.prod(query.shape) * key.shape[-2]
        memory.flops += context.flops
        return out

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        query, key, value, *_ = context.saved_tensors
        context.memory.flops += 2 * context.flops
        return torch.empty_like(query), torch.empty_like(key), torch.empty_like(value), None, None


@contextmanager
def fused_attention(memory: LiveMemory) -> Iterator[None]:
    """Run attention as a GPU would."""

    def attend(query, key, value, attn_mask=None, dropout_p=0.0, is_causal=False, **_: Any) -> Tensor:
        return _FusedAttention.apply(query, key, value, attn_mask, memory)

    functional = torch.nn.functional
    before = functional.scaled_dot_product_attention, layers._explicit_is_faster
    functional.scaled_dot_product_attention, layers._explicit_is_faster = attend, lambda query, key: False
    try:
        yield
    finally:
        functional.scaled_dot_product_attention, layers._explicit_is_faster = before
