"""Boxes as location tokens: coordinates are entries of the vocabulary (Section 4.2.1, visual grounding)."""

from __future__ import annotations

from collections.abc import Sequence

from .tokenizer import BertTokenizer

Box = Sequence[float]


class LocationTokens:
    """A range of vocabulary entries that encode coordinates from 0 to 1 in equal steps.

    A box is written ``[marker] x1 y1 x2 y2``, each the nearest of the steps.

    Args:
        tokenizer: has the vocabulary. num_bins: number of coordinates. With one more than the image has pixels,
            each is a border between two pixels (337 at 336, the nearest published relative's).
        first: entry of coordinate 0; the next `num_bins` - 1 entries are the others. marker: entry before every box, or None.

    Raises:
        ValueError: too few entries after `first`, entries that are not ``[unused]``, or a marker that is one of them.
        KeyError: no such entry.
    """

    def __init__(
        self, tokenizer: BertTokenizer, num_bins: int = 337, first: str = '[unused340]', marker: str | None = '[unused339]'
    ) -> None:
        if num_bins < 2:
            raise ValueError(f'num_bins is the number of coordinates, at least 2, not {num_bins}')
        self.bins = num_bins
        self.first = tokenizer.token_id(first)
        self.marker = None if marker is None else tokenizer.token_id(marker)
        number = int(first.strip('[]').removeprefix('unused'))
        for step in (0, num_bins - 1):
            entry = f'[unused{number + step}]'
            try:
                right = tokenizer.token_id(entry) == self.first + step
            except KeyError:
                right = False
            if not right:
                raise ValueError(
                    f'{num_bins} coordinates from {first} on do not fit the vocabulary {tokenizer.vocab}: {entry} is not entry '
                    f'{self.first + step}'
                )
        if self.marker is not None and self.first <= self.marker < self.first + num_bins:
            raise ValueError(f'the marker {marker} is one of the {num_bins} coordinates from {first} on')

    @property
    def length(self) -> int:
        """Number of tokens of a box."""
        return 4 + (self.marker is not None)

    @property
    def ids(self) -> list[int]:
        """Ids of all location tokens."""
        return [*(() if self.marker is None else (self.marker,)), *range(self.first, self.first + self.bins)]

    def encode(self, box: Box) -> list[int]:
        """Ids of a box x1 y1 x2 y2, in fractions of the image's width and height, clipped to the image."""
        steps = [round(min(1.0, max(0.0, float(side))) * (self.bins - 1)) for side in box]
        return [*(() if self.marker is None else (self.marker,)), *(self.first + step for step in steps)]

    def decode(self, ids: Sequence[int]) -> tuple[float, float, float, float] | None:
        """The box of ids; None unless they hold exactly four coordinates. Other ids are ignored."""
        steps = [token - self.first for token in ids if 0 <= token - self.first < self.bins]
        if len(steps) != 4:
            return None
        left, top, right, bottom = (step / (self.bins - 1) for step in steps)
        return left, top, right, bottom
