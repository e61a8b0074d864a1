"""FLOPs of what runs, by PyTorch's formulas."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry


def flops_of(function: Any, args: tuple, kwargs: dict, out: Any) -> int:
    """Of an operation that ran; 0 of those without a formula, which multiply no matrices."""
    formula = flop_registry.get(function._overloadpacket)
    return 0 if formula is None else formula(*args, **kwargs, out_val=out)


class FlopsByModule(TorchDispatchMode):
    """Counts the FLOPs of each child of a network.

    What happens outside the modules' calls is of the one that is entered by methods, as universal layers are, else of the
    'wiring'.

    Attributes:
        by_module: name of the child -> FLOPs so far.
    """

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.by_module: Counter[str] = Counter()
        self._inside: list[str] = []
        self._handles = []
        self._outside = 'wiring'
        for name, module in network.named_children():
            if type(module).forward is nn.Module.forward:
                self._outside = name  # it has no call of its own
            self._handles.append(module.register_forward_pre_hook(self._enter(name)))
            self._handles.append(module.register_forward_hook(lambda *_: self._inside.pop() and None))

    def _enter(self, name: str) -> Callable[..., None]:
        return lambda *_: self._inside.append(name)

    def __torch_dispatch__(self, function: Any, types: Any, args: tuple = (), kwargs: dict | None = None) -> Any:
        out = function(*args, **(kwargs or {}))
        self.by_module[self._inside[-1] if self._inside else self._outside] += flops_of(function, args, kwargs or {}, out)
        return out

    def __exit__(self, *error: Any) -> None:
        for handle in self._handles:
            handle.remove()
        super().__exit__(*error)
