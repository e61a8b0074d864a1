import csv
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mplug2.evaluation import CiderD, DocumentFrequencies, ptb_tokens
from mplug2.evaluation.caption_scores import Corpus, lcs_length, rouge_l

DATA = Path(__file__).parents[1] / 'data' / 'caption_metrics'
captions = st.lists(st.sampled_from('abcd'), max_size=9)


def corpus(size):
    with open(DATA / 'example_1.csv', newline='') as file:
        rows = list(csv.DictReader(file))[:size]
    candidates = [ptb_tokens(row['caption_predicted']) for row in rows]
    return candidates, [[ptb_tokens(row[f'caption_{k}']) for k in range(1, 6)] for row in rows]


def official(candidates, references):
    said = {i: [' '.join(words)] for i, words in enumerate(candidates)}
    return {i: [' '.join(ref) for ref in refs] for i, refs in enumerate(references)}, said


def test_bleu_clips_counts_and_takes_the_closest_reference():
    # 'the' is found at most twice in a reference: 2 of 7; lengths 7 against references of 7 and 6 words
    references = [[['the', 'cat', 'is', 'on', 'the', 'mat', '.'], ['there', 'is', 'a', 'cat', 'here', '.']]]
    assert Corpus([['the'] * 7], references).bleu()[0] == pytest.approx(2 / 7)
    # two words against four: unigrams 2/2, brevity exp(1 - 4/2)
    assert Corpus([['a', 'b']], [[list('abcd')]]).bleu()[0] == pytest.approx(math.exp(-1))
    # a tie of the distances takes the shorter one, so nothing is penalised
    assert Corpus([list('abc')], [[list('ab'), list('abcd')]]).bleu()[0] == pytest.approx(1)


def test_rouge_l_by_hand():
    # common subsequence 'police the gunman': P = R = 3/4
    assert rouge_l(['police', 'kill', 'the', 'gunman'], [['police', 'killed', 'the', 'gunman']]) == pytest.approx(0.75)
    # best precision (1) and best recall (1/2) may come from different references
    score = rouge_l(list('ab'), [list('abcd'), list('axyz')])
    assert score == pytest.approx((1 + 1.44) * 1 * 0.5 / (0.5 + 1.44))
    assert rouge_l([], [list('ab')]) == 0


@settings(deadline=None)
@given(captions, captions)
def test_bit_parallel_lcs_equals_the_table(first, second):
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else max(table[i][j + 1], table[i + 1][j])
    assert lcs_length(first, second) == table[-1][-1]


def test_cider_d_by_hand():
    # Two items, 'x' in both (idf 0), 'a' and 'b' in one each (idf log 2). Unigrams only differ in the penalty.
    references = [[['a', 'x']], [['b', 'x']]]
    scores = Corpus([['a', 'x'], ['x']], references).cider_d()
    # orders 1 and 2 are perfect, 3 and 4 have no n-gram: 10 * 2/4
    assert scores == pytest.approx([5.0, 0.0])
    # 'a a': clipped to one 'a', cosine 1*1/(2*1); as many bigrams as the reference: 10 * (1/2) / 4
    assert Corpus([['a', 'a'], []], references).cider_d() == pytest.approx([1.25, 0.0])
    # 'a' has one bigram less than its reference: penalty exp(-1 / 72)
    assert Corpus([['a'], []], references).cider_d()[0] == pytest.approx(2.5 * math.exp(-1 / 72))


def test_cider_d_as_a_reward_equals_the_corpus_score():
    candidates, references = corpus(40)
    scorer = CiderD(DocumentFrequencies.of(references))
    cooked = [[scorer.cook(ref) for ref in refs] for refs in references]
    scores = [scorer.score(words, refs) for words, refs in zip(candidates, cooked, strict=True)]
    assert scores == pytest.approx(Corpus(candidates, references).cider_d())
    assert max(scores) > 0.5
    # frequencies of other references weigh otherwise
    _, more = corpus(200)
    other = CiderD(DocumentFrequencies.of(more))
    assert other.score(candidates[1], [other.cook(ref) for ref in references[1]]) != pytest.approx(scores[1])


def test_a_reference_scores_best_against_itself():
    _, references = corpus(40)
    scorer = CiderD(DocumentFrequencies.of(references))
    for refs in references:
        words = refs[0]
        itself = scorer.score(words, [scorer.cook(words)])
        assert itself >= scorer.score(words, [scorer.cook(refs[1])]) - 1e-9
        assert itself <= 10 + 1e-9


@pytest.mark.parametrize('size', [2, 120])
def test_scores_equal_the_official_python_code(size):
    pytest.importorskip('pycocoevalcap')
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider
    from pycocoevalcap.rouge.rouge import Rouge

    candidates, references = corpus(size)
    candidates[0] = ()
    expected, said = official(candidates, references)
    assert Corpus(candidates, references).bleu() == pytest.approx(Bleu(4).compute_score(expected, said, verbose=0)[0], rel=1e-9)
    ours = [rouge_l(words, refs) for words, refs in zip(candidates, references, strict=True)]
    assert ours == pytest.approx(list(Rouge().compute_score(expected, said)[1]), rel=1e-9)
    assert Corpus(candidates, references).cider_d() == pytest.approx(list(Cider().compute_score(expected, said)[1]), rel=1e-9)
