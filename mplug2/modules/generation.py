"""Generation with the shared decoder: beam search, greedy and sampled decoding, and ranking of a candidate list.

Letters: B samples, K beams, V vocabulary, t tokens generated so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .decoder import Memory, TextDecoder


class Hypothesis(NamedTuple):
    """ids: from the start token on, the end token included if it was reached. score: what hypotheses are sorted by."""

    ids: list[int]
    score: float


@dataclass(frozen=True)
class Generation:
    """How to generate.

    Args:
        num_beams: 1 is greedy decoding or, with `temperature`, sampling.
        min_length: tokens generated before the end token may follow. max_length: tokens generated, the end token counted.
        num_return: hypotheses a sample, best first; at most `num_beams`, any number when sampling.
        length_penalty: exponent of ((5 + t) / 6) by which the cumulative log-probability is divided (published: 0.6).
        early_end: a sample ends when its best beam ends (published). False: it ends when no living beam scores more than the
            worst of its `num_beams` finished ones, and only those are kept, scored by log-probability / t ** exponent.
        temperature: sample from the softmax at this temperature; None does not sample. top_k, top_p: sample from the k
            likeliest tokens, or the fewest whose probability reaches p.
    """

    num_beams: int = 5
    min_length: int = 1
    max_length: int = 20
    num_return: int = 1
    length_penalty: float = 0.6
    early_end: bool = True
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_length <= self.max_length:
            raise ValueError(f'min_length {self.min_length} must lie between 0 and max_length {self.max_length}')
        if self.num_beams < 1 or self.num_return < 1:
            raise ValueError(f'num_beams {self.num_beams} and num_return {self.num_return} must be at least 1')
        if self.temperature is not None and self.temperature <= 0:
            raise ValueError(f'temperature {self.temperature} must be above 0; None takes the likeliest token')
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f'top_p {self.top_p} must lie in (0, 1]')
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f'top_k {self.top_k} must be at least 1')
        if self.temperature is not None and self.num_beams != 1:
            raise ValueError('sampling takes num_beams=1')
        if self.temperature is None and self.num_return > self.num_beams:
            raise ValueError(f'num_return {self.num_return} is more than num_beams {self.num_beams}')
        if self.temperature is None and (self.top_k is not None or self.top_p is not None):
            raise ValueError('top_k and top_p need a temperature')


def restrict(logits: Tensor, allowed: Tensor | None, end_id: int, forbid_end: bool) -> Tensor:
    """fp32 log-probabilities with forbidden tokens at minus infinity.

    Args:
        logits: (R, V). allowed: (V,) bool, or None for all. forbid_end: the minimum length is not yet reached.

    The probabilities are those of the whole vocabulary: a constraint forbids tokens, it does not inflate the others.
    """
    scores = F.log_softmax(logits.float(), -1)
    if allowed is not None:
        scores = scores.masked_fill(~allowed, float('-inf'))
    if forbid_end:
        scores[:, end_id] = float('-inf')
    return scores


@torch.no_grad()
def generate(
    decoder: TextDecoder,
    memory: Memory,
    how: Generation,
    start_id: int,
    end_id: int,
    allowed: Tensor | None = None,
    generator: torch.Generator | None = None,
) -> list[list[Hypothesis]]:
    """Generate a text for every sample.

    Args:
        decoder: in evaluation mode. memory: of B samples. start_id, end_id: special tokens.
        allowed: (V,) bool, the tokens that may be generated (the end token always may), or None.
        generator: of the random numbers when sampling.

    Returns:
        For each sample `how.num_return` hypotheses, best first; fewer where `allowed` leaves fewer texts.
    """
    if allowed is not None:
        allowed = allowed.clone()
        allowed[end_id] = True
    if how.temperature is not None:
        return _sample(decoder, memory, how, start_id, end_id, allowed, generator)
    if how.early_end:
        return _beam_search(decoder, memory, how, start_id, end_id, allowed)
    return _exhaustive_beam_search(decoder, memory, how, start_id, end_id, allowed)


def _start(memory: Memory, start_id: int) -> Tensor:
    return torch.full((memory.tokens.shape[0], 1), start_id, dtype=torch.long, device=memory.tokens.device)


def _beam_search(
    decoder: TextDecoder, memory: Memory, how: Generation, start_id: int, end_id: int, allowed: Tensor | None
) -> list[list[Hypothesis]]:
    """The published search. Beams that end without being the best stay in the race and may be extended further."""
    beams, batch = how.num_beams, memory.tokens.shape[0]
    results: list[list[Hypothesis]] = [[] for _ in range(batch)]
    logits, state = decoder.prefill(_start(memory, start_id), memory)
    device = logits.device
    alive = torch.arange(batch, device=device)  # samples still searching, as rows of the original batch
    ids = torch.full((batch, 1, 1), start_id, dtype=torch.long, device=device)
    total = torch.zeros(batch, 1, device=device)  # log-probabilities of the beams, (samples, K)

    for step in range(how.max_length):
        norm = ((5.0 + step + 1) / 6.0) ** how.length_penalty
        scores = restrict(logits, allowed, end_id, forbid_end=step < how.min_length)
        vocabulary = scores.shape[-1]
        scores = (total[..., None] + scores.view(*total.shape, vocabulary)) / norm
        width = scores.shape[1]
        best, flat = scores.flatten(1).topk(beams, -1)  # (samples, K)
        origin, token = flat.div(vocabulary, rounding_mode='floor'), flat.remainder(vocabulary)
        total = best * norm
        ids = torch.cat([ids.gather(1, origin[..., None].expand(-1, -1, ids.shape[-1])), token[..., None]], -1)
        rows = origin + torch.arange(len(alive), device=device)[:, None] * width
        ended = token == end_id
        if step + 1 == how.max_length:
            ended = torch.ones_like(ended)
        done = ended[:, 0]

        # One transfer a step: what ended, and where.
        ended_list, done_list = ended.tolist(), done.tolist()
        if any(map(any, ended_list)):
            alive_list, ids_list, best_list = alive.tolist(), ids.tolist(), best.tolist()
            for row, sample in enumerate(alive_list):
                for beam in range(beams):
                    if ended_list[row][beam] or done_list[row]:
                        results[sample].append(Hypothesis(ids_list[row][beam], best_list[row][beam]))
            if any(done_list):
                keep = (~done).nonzero()[:, 0]
                if len(keep) == 0:
                    break
                alive, ids, total, rows, token = alive[keep], ids[keep], total[keep], rows[keep], token[keep]
                state = state.keep_samples(keep)
        logits, state = decoder.step(token.flatten(), state.reorder(rows.flatten()))
    for found in results:  # a constraint that leaves fewer texts than beams fills beams with impossible ones
        found.sort(key=lambda h: h.score, reverse=True)
    possible = [[h for h in found if h.score > float('-inf')] for found in results]
    # A failed forward pass (NaN) makes nothing possible; its text is one all the same, and the run goes on.
    return [(kept or found[:1])[: how.num_return] for kept, found in zip(possible, results, strict=True)]


def _exhaustive_beam_search(
    decoder: TextDecoder, memory: Memory, how: Generation, start_id: int, end_id: int, allowed: Tensor | None
) -> list[list[Hypothesis]]:
    """The usual search: finished hypotheses leave the beam and are scored by log-probability / t ** length_penalty.

    A sample ends once it has K finished hypotheses and no living beam's present score can beat the worst of them.
    """
    beams, batch = how.num_beams, memory.tokens.shape[0]
    finished: list[list[Hypothesis]] = [[] for _ in range(batch)]
    logits, state = decoder.prefill(_start(memory, start_id), memory)
    device = logits.device
    alive = list(range(batch))
    ids = torch.full((batch, 1, 1), start_id, dtype=torch.long, device=device)
    total = torch.zeros(batch, 1, device=device)

    for step in range(how.max_length):
        length = step + 1
        norm = float(length**how.length_penalty)
        scores = restrict(logits, allowed, end_id, forbid_end=step < how.min_length)
        vocabulary = scores.shape[-1]
        scores = total[..., None] + scores.view(*total.shape, vocabulary)
        width = scores.shape[1]
        # 2K candidates hold at least K that do not end.
        best, flat = scores.flatten(1).topk(min(2 * beams, scores[0].numel()), -1)
        origin, token = flat.div(vocabulary, rounding_mode='floor'), flat.remainder(vocabulary)
        best_list, origin_list, token_list, ids_list = best.tolist(), origin.tolist(), token.tolist(), ids.tolist()
        kept_rows, rows, picks, living = [], [], [], []
        for row, sample in enumerate(alive):
            pick: list[int] = []
            for rank, value in enumerate(best_list[row]):
                text = [*ids_list[row][origin_list[row][rank]], token_list[row][rank]]
                if value == float('-inf'):
                    break
                if token_list[row][rank] == end_id:
                    if rank < beams:
                        finished[sample].append(Hypothesis(text, value / norm))
                elif len(pick) < beams:
                    pick.append(rank)
                    if length == how.max_length:
                        finished[sample].append(Hypothesis(text, value / norm))
            finished[sample] = sorted(finished[sample], key=lambda h: h.score, reverse=True)[:beams]
            full = len(finished[sample]) == beams
            if length == how.max_length or not pick or (full and best_list[row][pick[0]] / norm <= finished[sample][-1].score):
                continue
            living.append([True] * len(pick) + [False] * (beams - len(pick)))
            pick += [pick[-1]] * (beams - len(pick))
            picks.append(pick)
            kept_rows.append(row)
            rows += [row * width + origin_list[row][rank] for rank in pick]
        if not kept_rows:
            break
        keep = torch.tensor(kept_rows, device=device)
        pick_index = torch.tensor(picks, device=device)
        if len(kept_rows) < len(alive):
            state = state.keep_samples(keep)
        alive = [alive[row] for row in kept_rows]
        origin, token, best = (part[keep].gather(1, pick_index) for part in (origin, token, best))
        ids = torch.cat([ids[keep].gather(1, origin[..., None].expand(-1, -1, ids.shape[-1])), token[..., None]], -1)
        # Fewer continuations than beams: the places left over can lead nowhere.
        total = best.masked_fill(~torch.tensor(living, device=device), float('-inf'))
        logits, state = decoder.step(token.flatten(), state.reorder(torch.tensor(rows, device=device)))
    return [found[: how.num_return] for found in finished]


def _sample(
    decoder: TextDecoder,
    memory: Memory,
    how: Generation,
    start_id: int,
    end_id: int,
    allowed: Tensor | None,
    generator: torch.Generator | None,
) -> list[list[Hypothesis]]:
    """Draw `num_return` texts a sample; the score is the log-probability of the text under the model, untempered."""
    count, batch = how.num_return, memory.tokens.shape[0]
    logits, state = decoder.prefill(_start(memory, start_id), memory)
    device = logits.device
    repeat = torch.arange(batch, device=device).repeat_interleave(count)
    logits, state = logits.index_select(0, repeat), state.reorder(repeat)
    alive = torch.arange(batch, device=device)  # samples with a text still growing
    ids = torch.full((batch * count, 1), start_id, dtype=torch.long, device=device)
    total = torch.zeros(batch * count, device=device)
    ended = torch.zeros(batch * count, dtype=torch.bool, device=device)
    texts: list[list[Hypothesis]] = [[] for _ in range(batch)]

    for step in range(how.max_length):
        scores = restrict(logits, allowed, end_id, forbid_end=step < how.min_length)
        chances = _truncate(scores / how.temperature, how).softmax(-1).nan_to_num(nan=1.0)  # a failed forward ends no run
        token = torch.multinomial(chances, 1, generator=generator)[:, 0]
        token = token.masked_fill(ended, end_id)
        total = total + scores.gather(1, token[:, None])[:, 0].masked_fill(ended, 0.0)
        ids = torch.cat([ids, token[:, None]], 1)
        ended = ended | (token == end_id)
        done = ended.view(-1, count).all(1)
        if step + 1 == how.max_length:
            done = torch.ones_like(done)
        if done.any():
            for row in done.nonzero()[:, 0].tolist():
                for each in range(row * count, (row + 1) * count):
                    text = ids[each].tolist()
                    if end_id in text[1:]:
                        text = text[: text.index(end_id, 1) + 1]
                    texts[alive[row]].append(Hypothesis(text, float(total[each])))
            keep = (~done).nonzero()[:, 0]
            if len(keep) == 0:
                break
            rows = (keep[:, None] * count + torch.arange(count, device=device)).flatten()
            alive, ids, total, ended, token = alive[keep], ids[rows], total[rows], ended[rows], token[rows]
            state = state.keep_samples(keep).reorder(rows)
        logits, state = decoder.step(token, state)
    return [sorted(found, key=lambda h: h.score, reverse=True) for found in texts]


def _truncate(scores: Tensor, how: Generation) -> Tensor:
    """Keep the top k, then the fewest likeliest tokens whose probability reaches p. scores: (R, V)."""
    if how.top_k is not None:
        floor = scores.topk(min(how.top_k, scores.shape[-1]), -1).values[:, -1:]
        scores = scores.masked_fill(scores < floor, float('-inf'))
    if how.top_p is not None:
        ordered, index = scores.sort(-1, descending=True)
        probability = ordered.softmax(-1)
        beyond = probability.cumsum(-1) - probability >= how.top_p  # the first token is always kept
        scores = scores.masked_fill(beyond.scatter(-1, index, beyond), float('-inf'))
    return scores


@torch.no_grad()
def rank(
    decoder: TextDecoder,
    memory: Memory,
    candidates: Tensor,
    mask: Tensor,
    top_k: int = 128,
    start_id: int | None = None,
) -> tuple[Tensor, Tensor]:
    """Rank a list of texts for every sample (the published QA ranking).

    The probability of a candidate's first token picks `top_k` candidates a sample; these are scored by their whole
    log-probability, in which, as published, the first token counts twice. The candidates of a sample share its projected
    memory.

    Args:
        memory: of B samples. candidates: (A, L) long, from the start token on. mask: (A, L), True at real tokens.
        start_id: the start token; the candidates' own first token if None.

    Returns:
        indices (B, top_k) into the candidates, best first, and their probabilities (B, top_k), a softmax over the
        log-probabilities of the picked ones.
    """
    top_k = min(top_k, len(candidates))
    batch = memory.tokens.shape[0]
    start = int(candidates[0, 0]) if start_id is None else start_id
    logits = decoder(_start(memory, start), memory)[:, 0]
    first = F.softmax(logits.float(), -1).index_select(1, candidates[:, 1])  # (B, A)
    probability, picked = first.topk(top_k, -1)

    totals = []
    for row in range(batch):  # one sample at a time: the logits of top_k candidates are (top_k, L, V)
        ids, targets = candidates[picked[row]], mask[picked[row]][:, 1:]
        logits = decoder(ids, memory.select(torch.tensor([row], device=ids.device)))[:, :-1].float()
        log_probability = F.log_softmax(logits, -1).gather(-1, ids[:, 1:, None])[..., 0]
        totals.append((log_probability * targets).sum(-1))
    total = torch.stack(totals) + probability.log()
    order = total.argsort(-1, descending=True)
    return picked.gather(1, order), total.softmax(-1).gather(1, order)
