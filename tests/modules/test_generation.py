"""Properties of generation: it equals the plain search, one-by-one results, and keeps to its settings."""

from __future__ import annotations

import pytest
import torch
from torch.testing import assert_close

from mplug2.cli.bench.plain import plain_beam_search
from mplug2.modules import Generation, Hypothesis, Memory, TextDecoder, generate, rank
from tests.modules.helpers import VOCAB, randomize

START, END = 1, 2
SEARCHES = {
    'greedy': Generation(1, 0, 9),
    'beams': Generation(4, 2, 9, num_return=4),
    'wide': Generation(6, 0, 7, num_return=3, length_penalty=0.0),
    'standard': Generation(4, 1, 9, num_return=4, finish='standard'),
}


@pytest.fixture
def decoder() -> TextDecoder:
    model = randomize(TextDecoder(VOCAB, 32, num_layers=2, num_heads=4, ffn_dim=48, max_positions=24), std=0.3).eval()
    with torch.no_grad():
        model.head.bias[END] = 4.0
    return model


@pytest.fixture
def memory() -> Memory:
    torch.manual_seed(3)
    mask = torch.ones(6, 11, dtype=torch.bool)
    mask[::3, -5:] = False
    return Memory(torch.randn(6, 11, 32) * 2, mask)


def assert_same(found: list[list[Hypothesis]], expected: list[list[Hypothesis]]) -> None:
    assert [[h.ids for h in sample] for sample in found] == [[h.ids for h in sample] for sample in expected]
    scores = [torch.tensor([h.score for sample in each for h in sample]) for each in (found, expected)]
    assert_close(*scores, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('beams', [1, 3, 5])
@pytest.mark.parametrize(('minimum', 'maximum'), [(0, 8), (4, 8), (1, 1)])
@pytest.mark.parametrize('masked', [False, True])
def test_cached_search_equals_the_plain_one(
    beams: int, minimum: int, maximum: int, masked: bool, decoder: TextDecoder, memory: Memory
) -> None:
    how = Generation(beams, minimum, maximum, num_return=beams)
    if not masked:
        memory = memory._replace(mask=None)
    assert_same(
        generate(decoder, memory, how, START, END),
        plain_beam_search(decoder, memory, how, START, END),
    )


@pytest.mark.parametrize('name', SEARCHES)
@pytest.mark.parametrize('constrained', [False, True])
def test_a_batch_equals_its_samples_one_by_one(name: str, constrained: bool, decoder: TextDecoder, memory: Memory) -> None:
    allowed = (torch.arange(VOCAB) % 2 == 0) if constrained else None
    together = generate(decoder, memory, SEARCHES[name], START, END, allowed)
    alone = [generate(decoder, memory.select(torch.tensor([row])), SEARCHES[name], START, END, allowed)[0] for row in range(6)]
    assert_same(together, alone)
    assert len({len(sample[0].ids) for sample in together}) > 1  # samples left the batch at different steps


def test_one_beam_is_greedy(decoder: TextDecoder, memory: Memory) -> None:
    expected = []
    for row in range(6):
        ids, total = [START], 0.0
        while len(ids) <= 9 and (ids[-1] != END or len(ids) == 1):
            with torch.no_grad():
                log_probability = decoder(torch.tensor([ids]), memory.select(torch.tensor([row])))[0, -1].log_softmax(-1)
            ids.append(int(log_probability.argmax()))
            total += float(log_probability.max())
        expected.append([Hypothesis(ids, total / ((5 + len(ids) - 1) / 6) ** 0.6)])
    assert_same(generate(decoder, memory, Generation(1, 0, 9), START, END), expected)


@pytest.mark.parametrize('name', ['beams', 'wide', 'standard'])
def test_hypotheses_are_sorted_distinct_and_scored_as_said(name: str, decoder: TextDecoder, memory: Memory) -> None:
    how = SEARCHES[name]
    for row, sample in enumerate(generate(decoder, memory, how, START, END)):
        assert len(sample) == how.num_return
        assert [h.score for h in sample] == sorted((h.score for h in sample), reverse=True)
        assert len({tuple(h.ids) for h in sample}) == len(sample)
        for hypothesis in sample:
            ids = torch.tensor([hypothesis.ids])
            with torch.no_grad():
                log_probability = decoder(ids, memory.select(torch.tensor([row])))[:, :-1].log_softmax(-1)
            total = float(log_probability.gather(-1, ids[:, 1:, None]).sum())
            length = ids.shape[1] - 1
            norm = ((5 + length) / 6) ** how.length_penalty if how.finish == 'release' else length**how.length_penalty
            assert hypothesis.score == pytest.approx(total / norm, rel=1e-4)


@pytest.mark.parametrize('finish', ['release', 'standard'])
def test_lengths_are_kept(finish: str, decoder: TextDecoder, memory: Memory) -> None:
    with torch.no_grad():
        decoder.head.bias[END] = 50.0  # would end at once
    for sample in generate(decoder, memory, Generation(3, 4, 9, finish=finish), START, END):
        assert len(sample[0].ids) == 1 + 4 + 1
        assert sample[0].ids[-1] == END
    with torch.no_grad():
        decoder.head.bias[END] = -50.0  # would never end
    for sample in generate(decoder, memory, Generation(3, 0, 9, finish=finish), START, END):
        assert len(sample[0].ids) == 1 + 9
        assert END not in sample[0].ids


@pytest.mark.parametrize('finish', ['release', 'standard'])
def test_only_allowed_words_are_generated(finish: str, decoder: TextDecoder, memory: Memory) -> None:
    """Also where fewer words are allowed than there are beams; no text then comes twice and none is impossible."""
    allowed = torch.zeros(VOCAB, dtype=torch.bool)
    allowed[[7, 11]] = True
    how = Generation(4, 1, 5, num_return=4, finish=finish)
    for sample in generate(decoder, memory, how, START, END, allowed):
        assert {word for h in sample for word in h.ids[1:]} <= {7, 11, END}
        assert len({tuple(h.ids) for h in sample}) == len(sample)
        assert all(h.score > float('-inf') for h in sample)
    # two texts are possible: 7 or 11, which the greatest length cuts
    found = generate(decoder, memory, Generation(4, 1, 1, num_return=4, finish=finish), START, END, allowed)
    assert all(sorted(h.ids for h in sample) == [[START, 7], [START, 11]] for sample in found)
    assert not allowed[END]  # the caller's mask is left as it was


# Sampling


@pytest.mark.parametrize('name', SEARCHES)
def test_a_failed_forward_pass_leaves_the_other_samples_alone(name: str, decoder: TextDecoder, memory: Memory) -> None:
    expected = generate(decoder, memory, SEARCHES[name], START, END)
    memory.tokens[2] = float('nan')
    found = generate(decoder, memory, SEARCHES[name], START, END)
    assert found[2]
    assert_same(found[:2] + found[3:], expected[:2] + expected[3:])


def test_sampling_the_likeliest_word_is_greedy(decoder: TextDecoder, memory: Memory) -> None:
    greedy = generate(decoder, memory, Generation(1, 0, 9), START, END)
    for narrow in (dict(top_k=1), dict(top_p=1e-6), dict(temperature=1e-4)):
        how = Generation(1, 0, 9, num_return=2, **{'temperature': 1.0, **narrow})
        for (best,), drawn in zip(greedy, generate(decoder, memory, how, START, END), strict=True):
            assert [h.ids for h in drawn] == [best.ids] * 2


@pytest.mark.parametrize('temperature', [0.5, 1.0, 3.0])
def test_words_are_drawn_with_their_probability(temperature: float, decoder: TextDecoder, memory: Memory) -> None:
    one = memory.select(torch.tensor([0]))
    how = Generation(1, 1, 1, num_return=4000, temperature=temperature)
    (drawn,) = generate(decoder, one, how, START, END, generator=torch.Generator().manual_seed(0))
    logits = decoder(torch.tensor([[START]]), one)[0, 0].detach()
    scores = logits.log_softmax(-1)
    logits[END] = float('-inf')  # forbidden before the least length
    expected = (logits / temperature).softmax(-1)
    counts = torch.bincount(torch.tensor([h.ids[1] for h in drawn]), minlength=VOCAB) / 4000
    assert (counts - expected).abs().max() < 0.03
    for h in drawn[:: 4000 // 7]:
        assert h.score == pytest.approx(float(scores[h.ids[1]]), rel=1e-4)


def test_top_k_and_top_p_cut_the_tail(decoder: TextDecoder, memory: Memory) -> None:
    one = memory.select(torch.tensor([0]))
    probability = decoder(torch.tensor([[START]]), one)[0, 0].softmax(-1)
    ordered = probability.argsort(descending=True)
    for arguments, count in (
        (dict(top_k=5), 5),
        (dict(top_p=0.6), int((probability[ordered].cumsum(0) < 0.6).sum()) + 1),
    ):
        how = Generation(1, 0, 1, num_return=3000, temperature=1.0, **arguments)
        (drawn,) = generate(decoder, one, how, START, END, generator=torch.Generator().manual_seed(0))
        assert {h.ids[1] for h in drawn} == set(ordered[:count].tolist())


def test_sampling_repeats_with_its_generator_and_stops_at_the_end(decoder: TextDecoder, memory: Memory) -> None:
    how = Generation(1, 2, 9, num_return=3, temperature=1.0)
    first, again, other = (
        generate(decoder, memory, how, START, END, generator=torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)
    )
    assert first == again
    assert first != other
    for h in (h for sample in first for h in sample):
        assert END not in h.ids[1:-1]
        assert 3 <= len(h.ids) <= 10
        assert h.ids[-1] == END or len(h.ids) == 10


# Ranking


def test_ranking_equals_scoring_each_candidate_alone(decoder: TextDecoder, memory: Memory) -> None:
    torch.manual_seed(0)
    lengths = [3, 5, 4, 6, 3, 5, 6, 4, 5]
    texts = [[START, *torch.randint(3, VOCAB, (length - 2,)).tolist(), END] for length in lengths]
    candidates = torch.tensor([text + [0] * (6 - len(text)) for text in texts])
    mask = torch.tensor([[place < len(text) for place in range(6)] for text in texts])
    index, probability = rank(decoder, memory, candidates, mask, top_k=5)
    for row in range(6):
        one = memory.select(torch.tensor([row]))
        first = decoder(torch.tensor([[START]]), one)[0, 0].softmax(-1)[candidates[:, 1]]
        scores = {}
        for which in first.topk(5).indices.tolist():
            ids = torch.tensor([texts[which]])
            log_probability = decoder(ids, one)[:, :-1].log_softmax(-1).gather(-1, ids[:, 1:, None]).sum()
            scores[which] = float((log_probability + first[which].log()).detach())
        order = sorted(scores, key=scores.get, reverse=True)
        assert index[row].tolist() == order
        assert_close(probability[row], torch.tensor([scores[which] for which in order]).softmax(0), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    ('wrong', 'message'),
    [
        (dict(min_length=9, max_length=4), 'min_length 9 must be between 0 and max_length 4'),
        (dict(num_beams=2, num_return=3), 'num_return 3 is more than num_beams 2'),
        (dict(num_beams=0), 'num_beams 0'),
        (dict(temperature=1.0), 'sampling takes num_beams=1'),
        (dict(num_beams=1, temperature=0.0), 'temperature 0.0 must be above 0'),
        (dict(num_beams=1, temperature=1.0, top_p=1.5), r'top_p 1.5 must be in \(0, 1\]'),
        (dict(num_beams=1, temperature=1.0, top_k=0), 'top_k 0 must be at least 1'),
        (dict(top_k=5), 'top_k and top_p need a temperature'),
    ],
)
def test_settings_that_make_no_sense_are_refused(wrong: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Generation(**wrong)
