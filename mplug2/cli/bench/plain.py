"""The plain forms that the fast ones are measured and tested against."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import Tensor

from ...modules import temporal
from ...modules.decoder import Memory, TextDecoder
from ...modules.generation import Generation, Hypothesis, restrict
from ...modules.layers import PLAIN_ATTENTION


@torch.no_grad()
def plain_beam_search(
    decoder: TextDecoder, memory: Memory, how: Generation, start_id: int, end_id: int, allowed: Tensor | None = None
) -> list[list[Hypothesis]]:
    """The published beam search without caches: every step re-runs the whole prefix of every beam and projects the memory
    anew for every beam. Arguments and result are those of `generate`.
    """
    return [
        _one(decoder, memory.select(torch.tensor([sample])), how, start_id, end_id, allowed)
        for sample in range(len(memory.tokens))
    ]


def _one(
    decoder: TextDecoder, memory: Memory, how: Generation, start_id: int, end_id: int, allowed: Tensor | None
) -> list[Hypothesis]:
    beams = how.num_beams
    tiled = memory.select(torch.zeros(beams, dtype=torch.long))
    ids = torch.full((beams, 1), start_id)
    total = torch.full((beams,), float('-inf'))
    total[0] = 0.0  # the beams are equal at first: one of them counts
    found: list[Hypothesis] = []
    if allowed is not None:
        allowed = allowed.clone()
        allowed[end_id] = True
    for step in range(how.max_length):
        scores = restrict(decoder(ids, tiled)[:, -1], allowed, end_id, forbid_end=step < how.min_length)
        norm = ((5 + step + 1) / 6) ** how.length_penalty
        best, flat = ((total[:, None] + scores) / norm).flatten().topk(beams)
        origin, token = flat // scores.shape[1], flat % scores.shape[1]
        ids = torch.cat([ids[origin], token[:, None]], 1)
        total = best * norm
        last = step + 1 == how.max_length or bool(token[0] == end_id)
        for beam in range(beams):
            if (last or token[beam] == end_id) and best[beam] > float('-inf'):
                found.append(Hypothesis(ids[beam].tolist(), best[beam].item()))
        if last:
            break
    return sorted(found, key=lambda hypothesis: hypothesis.score, reverse=True)[: how.num_return]


def permuted_convolution(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """The temporal convolution as a depth-wise Conv3d over channels-first volumes (B, C, T, P, 1), copied there and back.

    Arguments and result are those of `temporal_convolution`.
    """
    volume = x.permute(0, 3, 1, 2).contiguous()[..., None]
    padding = (weight.shape[1] // 2, 0, 0)
    out = F.conv3d(volume, weight[:, None, :, None, None], bias, padding=padding, groups=len(weight))
    return out[..., 0].permute(0, 2, 3, 1).contiguous()


@contextmanager
def plain_modules() -> Iterator[None]:
    """Inside, attention is an explicit softmax and the temporal convolution a permuted Conv3d, in all modules."""
    fast, before = temporal.temporal_convolution, os.environ.get(PLAIN_ATTENTION)
    temporal.temporal_convolution = permuted_convolution
    os.environ[PLAIN_ATTENTION] = '1'
    try:
        yield
    finally:
        temporal.temporal_convolution = fast
        if before is None:
            del os.environ[PLAIN_ATTENTION]
        else:
            os.environ[PLAIN_ATTENTION] = before
