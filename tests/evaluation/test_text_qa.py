import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mplug2.evaluation import SQuADMetric
from mplug2.evaluation.text_qa import best_threshold, normalize_squad_answer, squad_scores


@pytest.mark.parametrize(
    ('answer', 'normal'),
    [
        ('The  Eiffel Tower!', 'eiffel tower'),
        ("Beyoncé's", 'beyoncés'),
        ('a U.S. anthem', 'us anthem'),
        ('1,000', '1000'),
        ('the', ''),
        ('co-operate', 'cooperate'),
    ],
)
def test_normalisation(answer, normal):
    assert normalize_squad_answer(answer) == normal


@pytest.mark.parametrize(
    ('prediction', 'answers', 'exact', 'overlap'),
    [
        ('the Eiffel Tower', ['Eiffel tower.'], 1, 1),
        ('Eiffel', ['the Eiffel Tower'], 0, 2 / 3),  # precision 1, recall 1/2
        ('Eiffel Tower in Paris', ['Eiffel Tower', 'tower in Paris'], 0, 6 / 7),  # the better of 2/3 and 6/7
        ('b b c', ['b c c'], 0, 2 / 3),  # two words in common, each counted as often as both have it
        ('London', ['Paris'], 0, 0),
        ('', [], 1, 1),
        ('Paris', [], 0, 0),
        ('', ['Paris'], 0, 0),
        ('', ['the'], 1, 1),
        ('Paris', ['the', 'Paris'], 1, 1),
    ],
)
def test_scores_by_hand(prediction, answers, exact, overlap):
    assert squad_scores(prediction, answers) == pytest.approx((exact, overlap))


def test_metric_with_unanswerable_questions(tmp_path):
    samples = [
        dict(question_id='q1', pred_answer='Paris', answers=['Paris']),
        dict(question_id='q2', pred_answer='Eiffel', answers=['Eiffel Tower']),
        dict(question_id='q3', pred_answer='', answers=[]),
        dict(question_id='q4', pred_answer='x', answers=[]),
    ]
    out_file = tmp_path / 'predictions.json'
    metric = SQuADMetric(out_file=str(out_file))
    metric.process(None, samples)
    expected = {'exact_match': 50, 'F1': 200 / 3, 'answerable/exact_match': 50, 'answerable/F1': 250 / 3}
    expected |= {'unanswerable/exact_match': 50, 'unanswerable/F1': 50}
    assert metric.evaluate(4) == pytest.approx(expected)
    assert json.loads(out_file.read_text()) == {'q1': 'Paris', 'q2': 'Eiffel', 'q3': '', 'q4': 'x'}
    metric = SQuADMetric()
    metric.process(None, samples[:2])
    assert metric.evaluate(2) == pytest.approx({'exact_match': 50, 'F1': 250 / 3})


def test_the_best_threshold_by_hand():
    # (null - span, score of the span, no answer): answers to none give 1 of 3; up to -2: 2; up to 1: 2.5; to all: 1.5
    questions = [(1.0, 0.5, False), (-2.0, 1.0, False), (3.0, 0.0, True)]
    assert best_threshold(questions) == (pytest.approx(100 * 2.5 / 3), 1.0)
    assert best_threshold([(0.0, 0.0, True)]) == (100, -1.0)  # no answers to any
    # no threshold separates equal values
    assert best_threshold([(1.0, 1.0, False), (1.0, 0.0, True), (1.0, 0.0, True)])[0] == pytest.approx(200 / 3)


@given(
    st.lists(st.tuples(st.integers(-3, 3).map(float), st.sampled_from([0.0, 0.5, 1.0]), st.booleans()), min_size=1, max_size=8)
)
def test_no_threshold_is_better(questions):
    questions = [(null, 0.0 if empty else right, empty) for null, right, empty in questions]
    best, threshold = best_threshold(questions)

    def score(at):
        return 100 * sum((right if null <= at else float(empty)) for null, right, empty in questions) / len(questions)

    assert best == pytest.approx(score(threshold))
    assert best == pytest.approx(max(score(at) for at in (-9.0, *(null for null, *_ in questions))))


def test_metric_at_the_best_threshold():
    samples = [
        dict(pred_answer='', pred_span='Paris', pred_null=0.5, answers=['Paris']),
        dict(pred_answer='', pred_span='x', pred_null=2.0, answers=[]),
    ]
    metric = SQuADMetric()
    metric.process(None, samples)
    found = metric.evaluate(2)
    assert (found['F1'], found['best_F1'], found['best_exact_match'], found['best_F1_threshold']) == (50, 100, 100, 0.5)
