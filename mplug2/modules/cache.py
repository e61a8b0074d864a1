"""The keys and values of a generation's tokens, kept where they were written.

Letters in shapes: B samples, K hypotheses (beams) a sample, H heads, L tokens of a prefix, D channels of a head, n tokens kept.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .layers import KeyValue

FIRST = 32  # tokens that a cache begins with room for; it doubles when they are used up


class TokenCache:
    """All tokens that the hypotheses of a sample were made of, and which of them each hypothesis has.

    The K hypotheses of a sample are the query tokens of one attention to the sample's tokens, under a mask that says whose they
    are. So a step writes K tokens, and a reordering of beams reorders rows of the mask: keys and values never move, and
    what beams have in common is kept once.

    Args:
        num_layers: layers that `append` serves.

    length: tokens of each hypothesis. used: n, tokens kept of each sample.
    """

    def __init__(self, num_layers: int) -> None:
        self.length = self.used = 0
        self.keys: list[Tensor | None] = [None] * num_layers  # (B, H, room, D)
        self.values: list[Tensor | None] = [None] * num_layers
        self.owned: Tensor | None = None  # (B*K, n) bool; None: each hypothesis has all tokens
        self._now: Tensor | None = None  # the mask of the present step, (B, 1, K, n + K)

    def start_step(self, samples: int, rows: int) -> None:
        """Make the mask of the next token of each of `rows` hypotheses, before the layers append it."""
        each = rows // samples
        if each == 1 and self.owned is None:
            self._now = None
            return
        device = self.keys[0].device
        owned = torch.ones(rows, self.used, dtype=torch.bool, device=device) if self.owned is None else self.owned
        own = torch.eye(each, dtype=torch.bool, device=device).repeat(samples, 1)
        self.owned = torch.cat([owned, own], 1)
        self._now = self.owned.view(samples, 1, each, -1)

    def end_step(self, tokens: int, written: int) -> None:
        """Count what all layers appended: `tokens` of each hypothesis, `written` of each sample."""
        self.length += tokens
        self.used += written

    def append(self, layer: int, own: KeyValue) -> tuple[KeyValue, Tensor | None]:
        """Keep the keys and values (B, H, K, D) of a step, or (B, H, L, D) of a prefix.

        Returns:
            those of all tokens, (B, H, n + K, D), and the mask (B, 1, K, n + K) of the step's queries, or None.
        """
        end = self.used + own.key.shape[2]
        everything = []
        for kept, new in ((self.keys, own.key), (self.values, own.value)):
            store = kept[layer]
            if store is None or store.shape[2] < end:
                batch, heads, _, channels = new.shape
                larger = new.new_empty(batch, heads, max(FIRST, 2 * end), channels)
                if store is not None:
                    larger[:, :, : self.used] = store[:, :, : self.used]
                store = kept[layer] = larger
            store[:, :, self.used : end] = new
            everything.append(store[:, :, :end])
        return KeyValue(*everything), self._now

    def reorder(self, rows: Tensor) -> None:
        """Hypothesis i becomes what hypothesis `rows[i]`, of the same sample, was; (B*K',) long."""
        if self.owned is not None:
            self.owned = self.owned.index_select(0, rows)

    def keep_samples(self, samples: Tensor) -> None:
        """Keep only some samples' tokens. The mask keeps its rows until `reorder`."""
        for kept in (self.keys, self.values):
            kept[:] = [store[:, :, : self.used].index_select(0, samples) for store in kept]
