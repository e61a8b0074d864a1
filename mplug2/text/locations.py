"""Boxes, or other places, as location tokens: coordinates are entries of the vocabulary (Section 4.2.1, visual grounding)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from .tokenizer import BertTokenizer


class LocationTokens:
    """A range of vocabulary entries that encode coordinates from 0 to 1 in equal steps.

    A box is written ``[marker] x1 y1 x2 y2``, each the nearest of the steps; a moment of a clip, of two coordinates, likewise.

    Args:
        tokenizer: has the vocabulary. num_bins: number of coordinates. With one more than the image has pixels,
            each is a border between two pixels (337 at 336, the nearest published relative's).
        first: entry of coordinate 0; the next `num_bins` - 1 entries are the others. marker: entry before every place, or None.
        num_coordinates: of a place.

    Raises:
        ValueError: too few entries after `first`, entries that are not ``[unused]``, or a marker that is one of them.
        KeyError: no such entry.
    """

    def __init__(
        self,
        tokenizer: BertTokenizer,
        num_bins: int = 337,
        first: str = '[unused340]',
        marker: str | None = '[unused339]',
        num_coordinates: int = 4,
    ) -> None:
        if num_bins < 2:
            raise ValueError(f'num_bins is the number of coordinates, at least 2, not {num_bins}')
        self.bins, self.num_coordinates, self.vocab_size = num_bins, num_coordinates, tokenizer.vocab_size
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
        """Tokens of a place."""
        return self.num_coordinates + (self.marker is not None)

    @property
    def allowed(self) -> Tensor:
        """The entries that a place is written with: (V,) bool, for a generation that writes nothing else."""
        mask = torch.zeros(self.vocab_size, dtype=torch.bool)
        mask[self.first : self.first + self.bins] = True
        if self.marker is not None:
            mask[self.marker] = True
        return mask

    def generation(self, num_beams: int) -> dict[str, int]:
        """Arguments of a `Generation` that writes one place."""
        return dict(num_beams=num_beams, min_length=self.length, max_length=self.length + 1)

    def encode(self, coordinates: Sequence[float]) -> list[int]:
        """Ids of a place: corners x1 y1 x2 y2 as shares of the image's width and height, or others from 0 to 1; what is outside
        is cut.

        Raises:
            ValueError: of another number of coordinates.
        """
        if len(coordinates) != self.num_coordinates:
            raise ValueError(f'a place has {self.num_coordinates} coordinates here, not {len(coordinates)}')
        steps = [round(min(1.0, max(0.0, float(share))) * (self.bins - 1)) for share in coordinates]
        return [*(() if self.marker is None else (self.marker,)), *(self.first + step for step in steps)]

    def decode(self, ids: Sequence[int]) -> tuple[float, ...] | None:
        """The place that ids name; None unless they hold exactly as many coordinates as it has. Other ids are passed over."""
        steps = [token - self.first for token in ids if 0 <= token - self.first < self.bins]
        return tuple(step / (self.bins - 1) for step in steps) if len(steps) == self.num_coordinates else None
