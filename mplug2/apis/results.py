"""What a caller gets back."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np


@dataclass
class Candidate:
    """One of several answers. text: a caption, an answer, a class name. score: what candidates are sorted by."""

    text: str
    score: float


@dataclass
class AttentionMaps:
    """Maps of one image or clip over the frames that the model read (`Inferencer.attention`).

    Attributes:
        names: what each map is of: the whole text, then each of its words; or all queries, then each.
        maps: (M, T, rows, columns) float32, not negative; of raw attention each adds up to the share that goes to patches.
        part, kind: as asked. layer: of the part, from 0.
    """

    names: list[str]
    maps: np.ndarray
    part: str
    kind: str
    layer: int

    def of(self, name: str) -> np.ndarray:
        """The first map of that name, (T, rows, columns).

        Raises:
            KeyError: there is none; lists the names.
        """
        if name not in self.names:
            raise KeyError(f'no map of {name!r}; there are {", ".join(self.names)}')
        return self.maps[self.names.index(name)]

    def peaks(self) -> list[tuple[int, float, float]]:
        """Where each map is strongest: frame, from 0, and centre of the patch, x and y in shares of the frame's sides."""
        rows, columns = self.maps.shape[2:]
        places = (np.unravel_index(each.argmax(), each.shape) for each in self.maps)
        return [(int(frame), (column + 0.5) / columns, (row + 0.5) / rows) for frame, row, column in places]


class SeenFrames(NamedTuple):
    """frames: (T, H, W, 3) uint8, those of an image or clip that a model reads, at their own size.

    times: seconds of each; empty where the input is no file of a clip.
    """

    frames: np.ndarray
    times: list[float]


@dataclass(repr=False)
class Result:
    """What a model says of one input; fields that the method does not fill are None or empty.

    Attributes:
        source: path or URL of the input, else its kind and number ('array 3'), or the text itself. error: why there is no
            result; None where there is one.
        prompt: the question, phrase or caption that came with the input.
        text: caption, answer, summary, or name of the class. score: of the text: the search's score when it was generated, else
            a probability; of `match` the probability that the text belongs to the input. candidates: the best texts with their
            scores, best first.
        similarity: cosine of the embeddings of input and text. embedding: (E,) float32, of length one.
        boxes: corners (x1, y1, x2, y2) in pixels of the input. labels, scores: their names and scores.
        masks: for each box (H, W) bool.
        attention: where the model looks.
        times: seconds (start, end) of the part of a clip that was read, if it was not the whole.
    """

    source: str
    prompt: str | None = None
    text: str | None = None
    score: float | None = None
    candidates: list[Candidate] = field(default_factory=list)
    similarity: float | None = None
    embedding: np.ndarray | None = None
    boxes: list[tuple[float, float, float, float]] = field(default_factory=list)
    labels: list[str] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    masks: list[np.ndarray] = field(default_factory=list)
    attention: AttentionMaps | None = None
    times: tuple[float, float | None] | None = None
    error: str | None = None

    def __repr__(self) -> str:
        filled = ', '.join(f'{key}={value!r}' for key, value in self.to_dict().items() if key != 'embedding')
        return f'Result({filled})'

    def to_dict(self) -> dict[str, Any]:
        """The filled fields as plain data for JSON; masks as COCO's uncompressed run lengths. Maps are left out."""
        content = {}
        for entry in dataclasses.fields(self):
            value = getattr(self, entry.name)
            if entry.name == 'attention' or value is None or (isinstance(value, list) and not value):
                continue
            if entry.name == 'masks':
                value = [run_lengths(mask) for mask in value]
            if entry.name == 'candidates':
                value = [dataclasses.asdict(candidate) for candidate in value]
            content[entry.name] = value.tolist() if isinstance(value, np.ndarray) else value
        return content


def run_lengths(mask: np.ndarray) -> dict[str, list[int]]:
    """A mask (H, W) as COCO's uncompressed run lengths: how many pixels are off, on, off, ..., column after column."""
    flat = np.asarray(mask, np.uint8).flatten('F')
    changes = np.flatnonzero(np.diff(flat, prepend=0, append=2))  # the last one ends the last run
    counts = np.diff(changes, prepend=0).tolist()
    return dict(size=list(mask.shape), counts=counts)
