"""The size of a smoke test."""

from __future__ import annotations

from typing import NamedTuple


class TinySize(NamedTuple):
    """pixels: side of a frame. frames: of a clip. samples: that a data set is cut to. max_length: tokens of a long text.

    num_bins: location tokens, which the mini benchmark's vocabulary has room for.
    """

    pixels: int = 32
    frames: int = 2
    samples: int = 8
    max_length: int = 60
    num_bins: int = 17

    @property
    def locations(self) -> dict:
        """Arguments of `mplug2.text.locations.LocationTokens`."""
        return dict(num_bins=self.num_bins, first='[unused1]', marker='[unused0]')
