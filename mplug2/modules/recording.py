"""Attention weights of chosen modules, recorded while a network runs.

Only a recorded module takes the explicit softmax; all others, and every module outside the context, run as they always do.
Letters in shapes: B samples, H heads, L query tokens, N memory tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

from torch import Tensor, nn

from .layers import CrossAttention, attention_weights, merge_heads, split_heads


@contextmanager
def record_attention(modules: Mapping[str, CrossAttention]) -> Iterator[dict[str, list[Tensor]]]:
    """Record the weights of cross-attention modules, one tensor for each call.

    The weights are part of the computation, so that gradients of what comes after flow to them (Grad-CAM); this needs modules
    in evaluation mode, where attention has no dropout.

    Args:
        modules: name -> module.

    Yields:
        name -> weights (B, H, L, N) of its calls so far.
    """
    recorded: dict[str, list[Tensor]] = {name: [] for name in modules}
    with ExitStack() as stack:
        for name, module in modules.items():
            stack.enter_context(module.register_forward_hook(_recorder(recorded[name]), with_kwargs=True))
        yield recorded


def cross_attentions(module: nn.Module) -> dict[str, CrossAttention]:
    """The cross-attention modules of a module, by name, in the order of its layers."""
    return {name: child for name, child in module.named_modules() if isinstance(child, CrossAttention)}


def _recorder(calls: list[Tensor]) -> Any:
    def replace_output(module: CrossAttention, args: tuple, kwargs: dict, output: Tensor) -> Tensor:
        x, memory, mask = _arguments(*args, **kwargs)
        key_value = module.project(memory) if isinstance(memory, Tensor) else memory
        weights = attention_weights(split_heads(module.query(x), module.num_heads), key_value.key, mask)
        calls.append(weights)
        return module.out(merge_heads(weights @ key_value.value))

    return replace_output


def _arguments(x: Tensor, memory: Any, mask: Tensor | None = None) -> tuple[Tensor, Any, Tensor | None]:
    """Those of `CrossAttention.forward`, however they were passed."""
    return x, memory, mask
