"""Matching many texts with one image or clip, from features that are computed once.

Letters in shapes: M texts, K texts of them, L text tokens, C channels.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from ..networks import Network, TextFeatures, VisionFeatures
from ..structures import Tokens


class Matcher:
    """Matching scores of one image or clip at a time with many texts, which share its keys and values.

    Args:
        network: of the model. task: with ``match(network, text, vision)``.
        texts: token ids of all M. device: of the network. pairs: texts at a time.
        limit: bytes of text features that may be kept on the host; if they are more, texts are encoded whenever they are
            matched.
    """

    def __init__(
        self, network: Network, task: Any, texts: list[list[int]], device: torch.device, pairs: int, limit: int
    ) -> None:
        self.network, self.task, self.device, self.pairs = network, task, device, pairs
        self.ids, self.mask = pad_ids(texts)
        parts = 2 if network.reads_across else 1
        size = self.ids.numel() * network.width_of('text') * parts * 4
        self.bank = self._encode_all() if size <= limit else None

    def _encode_all(self) -> TextFeatures:
        """Features of all texts, on the host, written into one tensor: joining parts would take the memory twice."""
        bank: TextFeatures | None = None
        for rows in torch.arange(len(self.ids)).split(self.pairs):
            features = lean_text(self._encode(rows), self.network)
            if bank is None:
                bank = TextFeatures(*(part.new_empty(len(self.ids), *part.shape[1:], device='cpu') for part in features))
            for whole, part in zip(bank, features, strict=True):
                whole[rows[0] : rows[-1] + 1] = part
        return bank

    def _encode(self, rows: Tensor) -> TextFeatures:
        return self.network.encode_text(Tokens(self.ids[rows].to(self.device), self.mask[rows].to(self.device)))

    def _text(self, rows: Tensor) -> TextFeatures:
        length = int(self.mask[rows].sum(1).max())
        if self.bank is None:
            text = self._encode(rows)
        else:
            text = TextFeatures(*(part[rows].to(self.device) for part in self.bank))
        return TextFeatures(text.encoded[:, :length], text.tokens[:, :length], text.mask[:, :length])

    def __call__(self, vision: VisionFeatures, texts: Tensor) -> Tensor:
        """vision: of one image or clip. texts: (K,) rows. Returns matching logits (K, 2)."""
        return torch.cat([self.task.match(self.network, self._text(rows), vision) for rows in texts.split(self.pairs)])


def lean_text(text: TextFeatures, network: Network) -> TextFeatures:
    """What fusion reads of a text. Nothing else is kept alive."""
    return text if network.reads_across else TextFeatures(text.tokens[:, :, :0], text.tokens, text.mask)


def lean_vision(vision: VisionFeatures, row: int, network: Network) -> VisionFeatures:
    """What fusion reads of one sample's vision, on the host."""
    memory = vision.memory[row : row + 1].cpu().clone()
    if not network.reads_across:
        return vision._replace(tokens=memory[:, :0], queries=None, memory=memory)
    return vision.map(lambda part: part[row : row + 1].cpu().clone())


def pad_ids(texts: list[list[int]]) -> tuple[Tensor, Tensor]:
    """Ids (M, L), padded with zeros, and (M, L) bool, True at real tokens."""
    ids = pad_sequence([torch.tensor(text, dtype=torch.long) for text in texts], batch_first=True)
    lengths = torch.tensor([len(text) for text in texts])
    return ids, torch.arange(ids.shape[1]) < lengths[:, None]
