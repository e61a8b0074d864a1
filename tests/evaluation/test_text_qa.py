import json

import pytest

from mplug2.evaluation import SQuADMetric
from mplug2.evaluation.text_qa import normalize_squad_answer, squad_scores


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
