"""What tasks read of a batch, by name and kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum

from torch import Tensor


class InputKind(Enum):
    """Kinds of inputs, so that those who make batches up (`mplug2 plan`) know their shapes.

    Shapes: B samples, T frames, L tokens, M masked tokens, K targets, at least one a sample.
    """

    FRAMES = 'frames (B, T, 3, H, W)'
    TEXT = 'tokens (B, L) of the text with its instruction'
    INSTRUCTION = 'tokens (B, L) of the instruction alone'
    MASKED = 'tokens (B, M), one for each masked token'
    TARGET = 'texts to generate (K, L)'
    LABEL = 'classes (B,)'
    MEDIA_ID = 'numbers (B,) of the images or clips'
    SPAN = 'first and last token (B, 2)'


# Name -> kind, or a function from the number of samples to an example, for what is of no kind above.
Inputs = Mapping[str, InputKind | Callable[[int], Tensor]]
