"""Generation with the shared decoder: beam search, greedy and sampled decoding, and ranking of a candidate list.

Letters: B samples, K beams, V vocabulary, t tokens generated so far.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from .contracts import Decoder, Memory


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
        finish: when a sample's beam search ends and what hypotheses score: 'release' (`ReleaseFinish`) or 'standard'
            (`StandardFinish`).
        temperature: sample from the softmax at this temperature; None does not sample. top_k, top_p: sample from the k
            likeliest tokens, or the fewest whose probability reaches p.
    """

    num_beams: int = 5
    min_length: int = 1
    max_length: int = 20
    num_return: int = 1
    length_penalty: float = 0.6
    finish: str = 'release'
    temperature: float | None = None
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.min_length <= self.max_length:
            raise ValueError(f'min_length {self.min_length} must be between 0 and max_length {self.max_length}')
        if self.num_beams < 1 or self.num_return < 1:
            raise ValueError(f'num_beams {self.num_beams} and num_return {self.num_return} must be at least 1')
        if self.temperature is not None and self.temperature <= 0:
            raise ValueError(f'temperature {self.temperature} must be above 0; None takes the likeliest token')
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise ValueError(f'top_p {self.top_p} must be in (0, 1]')
        if self.finish not in FINISHES:
            raise ValueError(f'finish is {" or ".join(map(repr, FINISHES))}, not {self.finish!r}')
        if self.top_k is not None and self.top_k < 1:
            raise ValueError(f'top_k {self.top_k} must be at least 1')
        if self.temperature is not None and self.num_beams != 1:
            raise ValueError('sampling takes num_beams=1')
        if self.temperature is None and self.num_return > self.num_beams:
            raise ValueError(f'num_return {self.num_return} is more than num_beams {self.num_beams}')
        if self.temperature is None and (self.top_k is not None or self.top_p is not None):
            raise ValueError('top_k and top_p need a temperature')


def check_generation(decoder: Decoder, settings: Generation) -> None:
    """Hold the settings of a generation against its decoder.

    Raises:
        ValueError: more beams than words, or longer texts than the decoder has positions for.
    """
    if settings.num_beams > decoder.vocab_size:
        raise ValueError(
            f'num_beams={settings.num_beams}, and the vocabulary has {decoder.vocab_size} words: take at most as many'
        )
    positions = getattr(decoder, 'max_positions', None)  # of other packages' decoders there may be no bound
    if positions is not None and settings.max_length > positions:
        raise ValueError(
            f'max_length={settings.max_length}, and the decoder has {positions} positions: generate shorter texts, or '
            'give it more (max_positions)'
        )


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
    decoder: Decoder,
    memory: Memory,
    settings: Generation,
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
        For each sample `settings.num_return` hypotheses, best first; fewer where `allowed` leaves fewer texts.
    """
    check_generation(decoder, settings)
    if allowed is not None:
        allowed = allowed.clone()
        allowed[end_id] = True
    if settings.temperature is not None:
        return _sample(decoder, memory, settings, start_id, end_id, allowed, generator)
    return _beam_search(decoder, memory, settings, start_id, end_id, allowed)


def _start(memory: Memory, start_id: int) -> Tensor:
    return torch.full((memory.tokens.shape[0], 1), start_id, dtype=torch.long, device=memory.tokens.device)


class ReleaseFinish:
    """The published rule: a sample ends when its best beam ends. All scores are length-penalised by ((5 + t) / 6) ** exponent.

    Beams that end without being the best stay in the race and may be extended further.
    """

    def __init__(self, settings: Generation) -> None:
        self.candidates, self.exponent = settings.num_beams, settings.length_penalty

    def norms(self, length: int) -> tuple[float, float]:
        """What log-probabilities are divided by to be ranked, and ranked scores to be those of hypotheses."""
        return ((5.0 + length) / 6.0) ** self.exponent, 1.0

    def split(self, scores: list[float], ended: list[bool], finished: list[Hypothesis]) -> tuple[list[int], list[int]]:
        """Which candidates of a sample are finished and which go on, none of them if the sample ends.

        Args:
            scores: of hypotheses, best first. ended: with the end token. finished: hypotheses of earlier steps.
        """
        if ended[0]:
            return list(range(len(scores))), []
        return [rank for rank, end in enumerate(ended) if end], list(range(len(scores)))


class StandardFinish:
    """The usual rule: finished hypotheses leave the beam and are scored by log-probability / t ** exponent.

    A sample ends once it has K finished hypotheses and no living beam's present score can beat the worst of them.
    """

    def __init__(self, settings: Generation) -> None:
        self.beams, self.exponent = settings.num_beams, settings.length_penalty
        self.candidates = 2 * settings.num_beams  # at least K of them do not end

    def norms(self, length: int) -> tuple[float, float]:
        return 1.0, float(length**self.exponent)

    def split(self, scores: list[float], ended: list[bool], finished: list[Hypothesis]) -> tuple[list[int], list[int]]:
        possible = [rank for rank, score in enumerate(scores) if score != float('-inf')]
        ending = [rank for rank in possible if ended[rank] and rank < self.beams]
        living = [rank for rank in possible if not ended[rank]][: self.beams]
        best = sorted([*(h.score for h in finished), *(scores[rank] for rank in ending)], reverse=True)[: self.beams]
        if living and len(best) == self.beams and scores[living[0]] <= best[-1]:
            living = []
        return ending, living


FINISHES = {'release': ReleaseFinish, 'standard': StandardFinish}


def _beam_search(
    decoder: Decoder, memory: Memory, settings: Generation, start_id: int, end_id: int, allowed: Tensor | None
) -> list[list[Hypothesis]]:
    rule = FINISHES[settings.finish](settings)
    beams, batch = settings.num_beams, memory.tokens.shape[0]
    finished: list[list[Hypothesis]] = [[] for _ in range(batch)]
    logits, state = decoder.prefill(_start(memory, start_id), memory)
    device = logits.device
    alive = list(range(batch))  # samples still searching
    ids = torch.full((batch, 1, 1), start_id, dtype=torch.long, device=device)
    total = torch.zeros(batch, 1, device=device)  # log-probabilities of the beams, (samples, K)

    for length in range(1, settings.max_length + 1):
        rank_norm, score_norm = rule.norms(length)
        scores = restrict(logits, allowed, end_id, forbid_end=length <= settings.min_length)
        vocabulary = scores.shape[-1]
        scores = (total[..., None] + scores.view(*total.shape, vocabulary)) / rank_norm
        width = scores.shape[1]
        best, flat = scores.flatten(1).topk(min(rule.candidates, scores[0].numel()), -1)
        origin, token = flat.div(vocabulary, rounding_mode='floor'), flat.remainder(vocabulary)
        longer = torch.cat([ids.gather(1, origin[..., None].expand(-1, -1, ids.shape[-1])), token[..., None]], -1)

        # One transfer a step, and the texts when some are finished.
        values, ends = torch.stack([best, (token == end_id).to(best.dtype)]).tolist()
        texts: list[list[list[int]]] | None = None
        going, picks = [], []
        for row, sample in enumerate(alive):
            hypothesis_scores, ended = [value / score_norm for value in values[row]], [bool(end) for end in ends[row]]
            ending, living = rule.split(hypothesis_scores, ended, finished[sample])
            if length == settings.max_length:
                ending, living = sorted({*ending, *living}), []
            if ending:
                texts = longer.tolist() if texts is None else texts
                finished[sample] += [Hypothesis(texts[row][rank], hypothesis_scores[rank]) for rank in ending]
            if living:
                going.append(row)
                picks.append(living)
        if not going:
            break
        # Fewer continuations than beams: the places left over repeat the last, with no probability.
        live = [[rank < len(pick) for rank in range(beams)] for pick in picks]
        pick = torch.tensor([[*pick, *[pick[-1]] * (beams - len(pick))] for pick in picks], device=device)
        keep = torch.tensor(going, device=device)
        if len(going) < len(alive):
            state = state.keep_samples(keep)
        alive = [alive[row] for row in going]
        origin, token, best = (part[keep].gather(1, pick) for part in (origin, token, best))
        ids = longer[keep].gather(1, pick[..., None].expand(-1, -1, longer.shape[-1]))
        total = (best * rank_norm).masked_fill(~torch.tensor(live, device=device), float('-inf'))
        logits, state = decoder.step(token.flatten(), state.reorder((origin + keep[:, None] * width).flatten()))
    # A constraint that leaves fewer texts than beams fills beams with impossible ones. A failed forward pass (NaN) makes
    # nothing possible; its text is one all the same, and the run goes on.
    results = []
    for hypotheses in finished:
        hypotheses.sort(key=lambda h: h.score, reverse=True)
        results.append(([h for h in hypotheses if h.score > float('-inf')] or hypotheses[:1])[: settings.num_return])
    return results


def _sample(
    decoder: Decoder,
    memory: Memory,
    settings: Generation,
    start_id: int,
    end_id: int,
    allowed: Tensor | None,
    generator: torch.Generator | None,
) -> list[list[Hypothesis]]:
    """Draw `num_return` texts a sample; the score is the log-probability of the text under the model, untempered."""
    count, batch = settings.num_return, memory.tokens.shape[0]
    logits, state = decoder.prefill(_start(memory, start_id), memory)
    device = logits.device
    repeat = torch.arange(batch, device=device).repeat_interleave(count)
    logits, state = logits.index_select(0, repeat), state.reorder(repeat)
    alive = torch.arange(batch, device=device)  # samples with a text still growing
    ids = torch.full((batch * count, 1), start_id, dtype=torch.long, device=device)
    total = torch.zeros(batch * count, device=device)
    ended = torch.zeros(batch * count, dtype=torch.bool, device=device)
    texts: list[list[Hypothesis]] = [[] for _ in range(batch)]

    for step in range(settings.max_length):
        scores = restrict(logits, allowed, end_id, forbid_end=step < settings.min_length)
        # A failed forward ends no run.
        chances = _truncate(scores / settings.temperature, settings).softmax(-1).nan_to_num(nan=1.0)
        token = torch.multinomial(chances, 1, generator=generator)[:, 0]
        token = token.masked_fill(ended, end_id)
        total = total + scores.gather(1, token[:, None])[:, 0].masked_fill(ended, 0.0)
        ids = torch.cat([ids, token[:, None]], 1)
        ended = ended | (token == end_id)
        done = ended.view(-1, count).all(1)
        if step + 1 == settings.max_length:
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


def _truncate(scores: Tensor, settings: Generation) -> Tensor:
    """Keep the top k, then the fewest likeliest tokens whose probability reaches p. scores: (R, V)."""
    if settings.top_k is not None:
        floor = scores.topk(min(settings.top_k, scores.shape[-1]), -1).values[:, -1:]
        scores = scores.masked_fill(scores < floor, float('-inf'))
    if settings.top_p is not None:
        ordered, index = scores.sort(-1, descending=True)
        probability = ordered.softmax(-1)
        beyond = probability.cumsum(-1) - probability >= settings.top_p  # the first token is always kept
        scores = scores.masked_fill(beyond.scatter(-1, index, beyond), float('-inf'))
    return scores


@torch.no_grad()
def rank(
    decoder: Decoder,
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
