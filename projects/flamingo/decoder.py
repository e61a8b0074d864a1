"""A causal language model whose layers read the memory through gates. B samples, K hypotheses a sample, M targets, L tokens,
N memory tokens, C channels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mplug2.modules import HuggingFaceDecoder, Memory
from mplug2.modules.layers import (
    Block,
    CrossAttention,
    KeyValue,
    attention,
    initialize_transformer,
    merge_heads,
    split_heads,
)
from mplug2.modules.wrapped import WrappedLayer
from mplug2.registry import MODELS

if TYPE_CHECKING:
    from mplug2.testing.tiny import TinySize

Gate = Callable[[Tensor], Tensor]  # of the text's tokens (B*K, L, C)
Projected = dict[int, KeyValue]  # number of a layer -> the memory's keys and values, (B, H, N, D)


class GatedState(NamedTuple):
    """cache: the language model's own, whose rows are hypotheses. memory: of the samples, shared by their hypotheses.

    The cache grows in place: a state is used up by the next step.
    """

    cache: Any
    memory: Projected

    def reorder(self, rows: Tensor) -> GatedState:
        """Give each hypothesis the cache of row `rows[i]`, of the same sample."""
        self.cache.reorder_cache(rows)
        return self

    def keep_samples(self, samples: Tensor) -> GatedState:
        """Keep only some samples' memory; `reorder` goes with it for the hypotheses."""
        return self._replace(memory=select(self.memory, samples))


def select(memory: Projected, rows: Tensor) -> Projected:
    return {number: projected.select(rows) for number, projected in memory.items()}


class RMSNorm(nn.RMSNorm):
    """In the precision of its input, so that autocast has one precision to compute in."""

    def forward(self, x: Tensor) -> Tensor:
        return F.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class GatedAttention(CrossAttention):
    """Cross-attention without biases, whose heads may normalise query and key."""

    def __init__(self, width: int, num_heads: int, memory_width: int, normalise: bool, eps: float) -> None:
        super().__init__(width, num_heads, memory_width=memory_width)
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(memory_width, 2 * width, bias=False)
        self.out = nn.Linear(width, width, bias=False)
        self.query_norm = RMSNorm(width // num_heads, eps) if normalise else nn.Identity()
        self.key_norm = RMSNorm(width // num_heads, eps) if normalise else nn.Identity()

    def project(self, memory: Tensor) -> KeyValue:
        projected = super().project(memory)
        return projected._replace(key=self.key_norm(projected.key))

    def forward(self, x: Tensor, memory: KeyValue, mask: Tensor | None = None) -> Tensor:
        query = self.query_norm(split_heads(self.query(x), self.num_heads))
        return self.out(merge_heads(attention(query, memory.key, memory.value, mask)))


class GatedCrossAttention(Block):
    """What comes before a layer: attention to the memory and a feed-forward, each times the tangent of a gate that starts shut.

    Args:
        width, num_heads, ffn_dim: C and sizes. memory_width, normalise: of the attention. eps: of the norms.
    """

    def __init__(self, width: int, num_heads: int, ffn_dim: int, memory_width: int, normalise: bool, eps: float) -> None:
        super().__init__()
        self.norm, self.feed_norm = RMSNorm(width, eps), RMSNorm(width, eps)
        self.attention = GatedAttention(width, num_heads, memory_width, normalise, eps)
        self.gate, self.feed_gate = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
        self.feed = nn.Linear(width, ffn_dim, bias=False)
        self.up = nn.Linear(width, ffn_dim, bias=False)
        self.down = nn.Linear(ffn_dim, width, bias=False)

    def run(self, x: Tensor, memory: KeyValue, seen: Tensor | None) -> Tensor:
        """x: (B*K, L, C); memory: of B samples; seen: (L, 1), 0 at tokens that come before the image, or None."""
        together = self.norm(x).reshape(len(memory.key), -1, x.shape[-1])
        read = self.attention(together, memory).view(x.shape)
        x = x + self.gate.tanh() * (read if seen is None else read * seen)
        y = self.feed_norm(x)
        return x + self.feed_gate.tanh() * self.down(F.silu(self.feed(y)) * self.up(y))


class GatedLayer(WrappedLayer):
    """A layer of the language model, and the gate before it.

    Args:
        layer: the layer. number: of it.
    """

    def __init__(self, layer: nn.Module, number: int) -> None:
        super().__init__(layer)
        self.number = number

    def run(self, x: Tensor, num_frames: int, *args: Any, gates: Mapping[int, Gate], **kwargs: Any) -> Any:
        """gates: number of a layer -> what comes before it."""
        if self.number in gates:
            x = gates[self.number](x)
        return super().run(x, num_frames, *args, **kwargs)


@MODELS.register_module()
class GatedDecoder(HuggingFaceDecoder):
    """A causal language model of Llama's shape that reads the memory by cross-attention between its layers.

    The memory has no place among the words. Words before it do not see it; those after it, and the text, do.

    Args:
        model: as in `HuggingFaceDecoder`. memory_width: channels of the memory. before, after: ids of words that come before
            the text, and before and after the place of the memory. every: one layer in so many has a gate, from the first on.
            normalise: query and key of each head. freeze_language: the language model keeps its weights.
    """

    def __init__(
        self,
        model: dict | str,
        memory_width: int,
        before: Sequence[int] = (),
        after: Sequence[int] = (),
        every: int = 4,
        normalise: bool = True,
        freeze_language: bool = False,
    ) -> None:
        super().__init__(model, before=before, after=after)
        self.memory_width = memory_width
        config = self.model.config
        stack = next(part for part in self.model.modules() if isinstance(part, nn.ModuleList))
        for number, wrapped in enumerate(stack):
            stack[number] = GatedLayer(wrapped.layer, number)
        sizes = (self.width, config.num_attention_heads, config.intermediate_size, memory_width, normalise, config.rms_norm_eps)
        self.gates = nn.ModuleDict({str(number): GatedCrossAttention(*sizes) for number in range(0, len(stack), every)})
        if freeze_language:
            self.model.requires_grad_(False)

    def init_weights(self) -> None:
        super().init_weights()
        initialize_transformer(self.gates, self.width)
        for gate in self.gates.values():
            nn.init.zeros_(gate.gate)
            nn.init.zeros_(gate.feed_gate)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        super().shrink_config(cfg, tiny)
        cfg.update(memory_width=32)

    def _project(self, memory: Memory) -> Projected:
        return {int(number): gate.attention.project(memory.tokens) for number, gate in self.gates.items()}

    def _gates(self, memory: Projected, seen: Tensor | None = None) -> dict[int, Gate]:
        """The gates with what they read. seen: as in `GatedCrossAttention`."""
        return {number: partial(self.gates[str(number)], memory=kept, seen=seen) for number, kept in memory.items()}

    def _words(self, ids: Tensor, memory: Projected) -> dict[str, Any]:
        """Arguments of the model for the words before a text, and the text."""
        before, after = (part.expand(len(ids), -1) for part in (self.before, self.after))
        whole = torch.cat([before, after, ids], 1)
        seen = (torch.arange(whole.shape[1], device=ids.device) >= before.shape[1])[:, None]
        return dict(input_ids=whole, gates=self._gates(memory, seen))

    def forward(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        """Teacher forcing: ids (M, L), padded on the right -> logits (M, L, V); `sample` as in `TextDecoder`."""
        projected = self._project(memory)
        if sample is not None:
            projected = select(projected, sample)
        return self.model(**self._words(ids, projected), use_cache=False, logits_to_keep=ids.shape[1]).logits.float()

    def prefill(self, ids: Tensor, memory: Memory) -> tuple[Tensor, GatedState]:
        """Start a generation: ids (B, L) -> logits (B, V) of the next token, and the state."""
        from transformers import DynamicCache

        state = GatedState(DynamicCache(config=self.model.config), self._project(memory))
        arguments = self._words(ids, state.memory) | {self.cache_name: state.cache}
        return self.model(**arguments, use_cache=True, logits_to_keep=1).logits[:, -1].float(), state

    def step(self, ids: Tensor, state: GatedState) -> tuple[Tensor, GatedState]:
        """Extend every hypothesis by its token: ids (B*K,) -> logits (B*K, V), and the state."""
        arguments = {'input_ids': ids[:, None], 'gates': self._gates(state.memory), self.cache_name: state.cache}
        return self.model(**arguments, use_cache=True).logits[:, -1].float(), state
