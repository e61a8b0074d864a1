"""Plain implementations, for measurements and tests of the fast ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ...modules import LocalTemporal
from ...modules.decoder import Memory, TextDecoder
from ...modules.generation import Generation, Hypothesis, restrict
from ...modules.layers import PLAIN_ATTENTION


@torch.no_grad()
def plain_beam_search(
    decoder: TextDecoder, memory: Memory, options: Generation, start_id: int, end_id: int, allowed: Tensor | None = None
) -> list[list[Hypothesis]]:
    """The published beam search without caches. Every step re-runs the whole prefix of every beam and projects the memory
    again for every beam. Arguments and result are those of `generate`.
    """
    return [
        _search_one(decoder, memory.select(torch.tensor([sample])), options, start_id, end_id, allowed)
        for sample in range(len(memory.tokens))
    ]


def _search_one(
    decoder: TextDecoder, memory: Memory, options: Generation, start_id: int, end_id: int, allowed: Tensor | None
) -> list[Hypothesis]:
    beams = options.num_beams
    tiled = memory.select(torch.zeros(beams, dtype=torch.long))
    ids = torch.full((beams, 1), start_id)
    total = torch.full((beams,), float('-inf'))
    total[0] = 0.0  # all beams start equal, so only one counts
    hypotheses: list[Hypothesis] = []
    if allowed is not None:
        allowed = allowed.clone()
        allowed[end_id] = True
    for step in range(options.max_length):
        scores = restrict(decoder(ids, tiled)[:, -1], allowed, end_id, forbid_end=step < options.min_length)
        norm = ((5 + step + 1) / 6) ** options.length_penalty
        best, flat = ((total[:, None] + scores) / norm).flatten().topk(beams)
        origin, token = flat // scores.shape[1], flat % scores.shape[1]
        ids = torch.cat([ids[origin], token[:, None]], 1)
        total = best * norm
        last = step + 1 == options.max_length or bool(token[0] == end_id)
        for beam in range(beams):
            if (last or token[beam] == end_id) and best[beam] > float('-inf'):
                hypotheses.append(Hypothesis(ids[beam].tolist(), best[beam].item()))
        if last:
            break
    return sorted(hypotheses, key=lambda hypothesis: hypothesis.score, reverse=True)[: options.num_return]


def permuted_local_temporal(module: LocalTemporal, x: Tensor) -> Tensor:
    """Local temporal modelling as published: three Conv3d over a channels-first copy (B, C, T, P, 1), copied back.

    Arguments and result are those of ``module(x)``.
    """

    def convolve(volume: Tensor, weight: Tensor, bias: Tensor | None, **kwargs: Any) -> Tensor:
        return F.conv3d(volume, weight[..., None, None], bias, **kwargs)

    taps = module.kernel.repeat_interleave(module.channels_per_group, 0)
    volume = x.permute(0, 3, 1, 2).contiguous()[..., None]
    volume = convolve(volume, module.down.weight[..., None], module.down.bias)
    volume = convolve(volume, taps[:, None], module.bias, padding=(taps.shape[1] // 2, 0, 0), groups=len(taps))
    volume = convolve(module.activation(volume), module.up.weight[..., None], module.up.bias)
    return volume[..., 0].permute(0, 2, 3, 1).contiguous()


@contextmanager
def plain_modules() -> Iterator[None]:
    """In this context all modules use explicit softmax attention and permuted Conv3d for local temporal modelling."""
    fast, before = LocalTemporal.forward, os.environ.get(PLAIN_ATTENTION)
    LocalTemporal.forward = permuted_local_temporal
    os.environ[PLAIN_ATTENTION] = '1'
    try:
        yield
    finally:
        LocalTemporal.forward = fast
        if before is None:
            del os.environ[PLAIN_ATTENTION]
        else:
            os.environ[PLAIN_ATTENTION] = before
