"""What the parts of a network promise each other, and everything that works on them: the trainer, the planner, the weights.

A class of another package fulfils a contract by having its members; it need not import anything. Whoever works on a module asks
its contract, never its class or the names of its parameters.

Any module may have ``token_parameters``, names of those of its own parameters that are tokens or positions: layer decay takes
them from weight decay.

Letters in shapes: B samples, T frames, P patches per frame, L tokens, M targets, N memory tokens, C channels, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from ..structures import Tokens


class VisionTokens(NamedTuple):
    """tokens: (B, prefix + T*P, C): `VisionEncoder.num_prefix_tokens` of a clip, then its patches frame-major.

    num_frames: T. grid: rows and columns of a frame's P patches.
    """

    tokens: Tensor
    num_frames: int
    grid: tuple[int, int]


class Memory(NamedTuple):
    """What a decoder attends to. tokens: (B, N, C). mask: (B, N) bool, True at real tokens; None: all are."""

    tokens: Tensor
    mask: Tensor | None = None

    def select(self, rows: Tensor) -> Memory:
        """Repeat or reorder samples."""
        return Memory(self.tokens.index_select(0, rows), None if self.mask is None else self.mask.index_select(0, rows))


@runtime_checkable
class VisionEncoder(Protocol):
    """Frames to tokens. Its layers are `Block`s, if they are to be recomputed, compiled or sharded one by one.

    width: C. patch_size: pixels of a token's side. image_size: side, in pixels, of the frames that it is made for.
    num_prefix_tokens: tokens before the patches; the first represents the clip. Of 0, the mean of the patches does.
    """

    width: int
    patch_size: int
    image_size: int
    num_prefix_tokens: int

    def forward(self, frames: Tensor) -> VisionTokens:
        """frames: (B, T, 3, H, W), normalised."""

    def layer_groups(self) -> Sequence[Sequence[nn.Module | nn.Parameter]]:
        """What the embedding is made of, then one group a layer, in order. What follows the layers is in no group."""

    def resample_state(self, name: str, tensor: Tensor, mode: str | None = None) -> Tensor:
        """A tensor of a checkpoint, whose grid or patch size may be another, in this encoder's.

        Args:
            name: key in this encoder's state dict. mode: how positions are resampled; the encoder's own way if None.

        Returns:
            `tensor` itself where there is nothing to resample.
        """


@runtime_checkable
class TextEncoder(Protocol):
    """Words to tokens. width: C. vocab_size: V. word_table: (V, C), to which masked-language modelling is tied."""

    width: int
    vocab_size: int
    word_table: Tensor

    def forward(self, text: Tokens) -> Tensor:
        """Returns (B, L, C)."""


@runtime_checkable
class TemporalModule(Protocol):
    """Mixes the frames of a patch. It is built with the ``width`` of its encoder, which adds the output to the input."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, T, P, C). Returns the same shape."""


@runtime_checkable
class Projector(Protocol):
    """Joins two modules of different widths. It is built with the widths that meet there, ``in_width`` and ``width``."""

    width: int

    def forward(self, x: Tensor) -> Tensor:
        """x: (B, N, in_width). Returns (B, N', width); N' = N where a mask goes with the tokens."""


@runtime_checkable
class DecoderState(Protocol):
    """Caches of a generation; rows are hypotheses, those of a sample next to each other."""

    def reorder(self, rows: Tensor) -> DecoderState:
        """Give each hypothesis the cache of row `rows[i]`; (rows,) long, of the same samples."""

    def keep_samples(self, samples: Tensor) -> DecoderState:
        """Keep only some samples' memory; `reorder` goes with it for the hypotheses."""


@runtime_checkable
class Decoder(Protocol):
    """Memory to texts.

    width: C of its tokens. memory_width: of the memory. vocab_size: V. word_table: (V, C). entry_points: names of the methods
    that are called beside `forward`, for which FSDP2 has to gather the weights.
    """

    width: int
    memory_width: int
    vocab_size: int
    word_table: Tensor
    entry_points: tuple[str, ...]

    def __call__(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        """`forward`, which modules call."""

    def forward(self, ids: Tensor, memory: Memory, sample: Tensor | None = None) -> Tensor:
        """Teacher forcing: ids (M, L), padded on the right -> logits (M, L, V). sample: (M,), whose memory each attends to."""

    def prefill(self, ids: Tensor, memory: Memory) -> tuple[Tensor, DecoderState]:
        """Start a generation: ids (B, L) -> logits (B, V) of the next token, and the state."""

    def step(self, ids: Tensor, state: Any) -> tuple[Tensor, DecoderState]:
        """Extend every hypothesis by its token: ids (rows,) -> logits (rows, V), and the state."""


def check_members(module: nn.Module, contract: type, slot: str) -> None:
    """Hold a module to a contract's members.

    Args:
        slot: what the network calls the module.

    Raises:
        TypeError: it lacks some; names its class and them.
    """
    methods = (name for name, value in vars(contract).items() if callable(value) and not name.startswith('_'))
    missing = [name for name in (*contract.__annotations__, *methods) if not hasattr(module, name)]
    if missing:
        raise TypeError(
            f'{type(module).__name__} is given as the {slot} and lacks {", ".join(missing)}: it has to fulfil '
            f'mplug2.modules.contracts.{contract.__name__}'
        )


def check_vision_tokens(encoder: VisionEncoder, encoded: VisionTokens, frames: Tensor) -> None:
    """Hold what a vision encoder gives to what it says of itself.

    Args:
        frames: (B, T, 3, H, W), of which it was made.

    Raises:
        ValueError: other tokens than its prefix and the patches of its grid, such as no class token; names its class.
    """
    rows, columns = encoded.grid
    expected = (len(frames), encoder.num_prefix_tokens + encoded.num_frames * rows * columns, encoder.width)
    if tuple(encoded.tokens.shape) != expected:
        raise ValueError(
            f'{type(encoder).__name__} gives tokens of the shape {tuple(encoded.tokens.shape)}, and by num_prefix_tokens='
            f'{encoder.num_prefix_tokens}, {encoded.num_frames} frames of {rows} x {columns} patches and width={encoder.width} '
            f'they are {expected}'
        )


def join_frames(tokens: Tensor, num_prefix_tokens: int) -> Tensor:
    """Tokens of a clip's frames, each encoded as an image, (B, T, prefix + P, C) -> those of the clip (B, prefix + T * P, C).

    The prefix is the mean over frames; patches follow frame-major.
    """
    prefix, patches = tokens[:, :, :num_prefix_tokens], tokens[:, :, num_prefix_tokens:]
    return torch.cat([prefix.mean(1), patches.flatten(1, 2)], 1)


def pooled(tokens: Tensor, num_prefix_tokens: int) -> Tensor:
    """What represents an image or clip, (B, C), of its tokens (B, prefix + N, C): the first, or their mean without prefix."""
    return tokens[:, 0] if num_prefix_tokens else tokens.mean(1)
