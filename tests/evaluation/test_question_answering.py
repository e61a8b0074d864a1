import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mplug2.evaluation import ExactMatch, VQAMetric
from mplug2.evaluation.question_answering import normalize_vqa_answer, vqa_accuracy
from mplug2.text import BertTokenizer
from mplug2.text.cleaning import clean_question


def evaluate(metric, samples):
    metric.process(None, samples)
    return metric.evaluate(len(samples))


@pytest.mark.parametrize(
    ('answer', 'normal'),
    [
        ('The Dog.', 'dog'),
        ('two', '2'),
        ('none', '0'),
        ('eleven', 'eleven'),
        ('t-shirt', 't shirt'),  # a sign between letters becomes a blank
        ('red, white', 'red white'),
        ('black/white', 'black white'),
        ('yes, it - is', 'yes it is'),
        ('1,000', '1000'),  # a comma in a number deletes every sign
        ('1,000-mile', '1000mile'),
        ('3.5', '3.5'),
        ('.5 in.', '.5 in'),
        ('5:30', '5:30'),
        ("man's", "man's"),
        ('dont', "don't"),
        ('couldnt', "couldn't"),
        ("couldnt've", "couldn't've"),
        ("couldn'tve", "couldn't've"),
        ('couldntve', 'couldntve'),
        ('im', 'im'),
        ('ill', 'ill'),
        ('oclock', "o'clock"),
        ('twas', "'twas"),
        ("ow's'at", "'ow's'at"),
        ("somebody'd", 'somebodyd'),
        ('a', ''),
        ('a man on an island', 'man on island'),
    ],
)
def test_normalisation(answer, normal):
    assert normalize_vqa_answer(answer) == normal


@pytest.mark.parametrize(('matches', 'accuracy'), [(0, 0), (1, 0.3), (2, 0.6), (3, 0.9), (4, 1), (10, 1)])
def test_accuracy_averages_the_ten_leave_one_out_subsets(matches, accuracy):
    # m matches: the m subsets without a match have min((m - 1) / 3, 1), the other 10 - m have min(m / 3, 1)
    answers = ['yes'] * matches + [f'other {i}' for i in range(10 - matches)]
    assert vqa_accuracy('yes', answers) == pytest.approx(accuracy)


def test_normalised_only_where_annotators_disagree():
    assert vqa_accuracy('the dog', ['dog'] * 10) == 0
    assert vqa_accuracy('the dog', ['dog'] * 9 + ['a dog']) == 1
    assert vqa_accuracy(' 2\n', ['2'] * 10) == 1


@settings(deadline=None)
@given(st.lists(st.sampled_from(['yes', 'no', '2', 'two']), min_size=10, max_size=10), st.randoms())
def test_accuracy_ignores_the_order_of_annotators(answers, random):
    shuffled = random.sample(answers, len(answers))
    assert vqa_accuracy('yes', answers) == pytest.approx(vqa_accuracy('yes', shuffled))


def test_vqa_metric_by_answer_type_and_submission(tmp_path):
    samples = [
        dict(question_id=1, pred_answer='yes', answers=['yes'] * 10, answer_type='yes/no'),
        dict(question_id=2, pred_answer='two', answers=['2'] * 2 + ['3'] * 8, answer_type='number'),
        dict(question_id=3, pred_answer='cat', answers=['dog'] * 10, answer_type='number'),
    ]
    out_file = tmp_path / 'submission.json'
    metrics = evaluate(VQAMetric(out_file=str(out_file)), samples)
    assert metrics == pytest.approx({'accuracy': 160 / 3, 'accuracy/number': 30, 'accuracy/yes/no': 100})
    assert json.loads(out_file.read_text())[1] == {'question_id': 2, 'answer': 'two'}


def test_a_test_split_is_written_but_not_scored(tmp_path):
    sample = dict(sample_id='q1', question_id=1, pred_answer='yes')
    assert evaluate(VQAMetric(out_file=str(tmp_path / 'out.json')), [sample]) == {}
    with pytest.raises(ValueError, match="'q1' has no answers"):
        VQAMetric().process(None, [sample])


def test_exact_match_by_question_type():
    samples = [
        dict(pred_answer='Playing ', answers=['playing'], question_type='what'),
        dict(pred_answer='a man', answers=['man'], question_type='who'),
        dict(pred_answer='two', answers=['2', 'two'], question_type='how many'),
    ]
    metrics = evaluate(ExactMatch(), samples)
    expected = {'accuracy': 200 / 3, 'accuracy/how many': 100, 'accuracy/what': 100, 'accuracy/who': 0}
    assert metrics == pytest.approx(expected)
    assert evaluate(ExactMatch(), [dict(pred_answer='a', answers=['a'])]) == {'accuracy': 100}


@pytest.mark.parametrize('answer', ['T-shirt', "dog's", 'black/white', 'dr. who', 'café', 'ping  pong', 'rock, paper'])
def test_what_is_learnt_or_listed_of_an_answer_equals_it(answer):
    tokenizer = BertTokenizer()
    ids, _ = tokenizer.encode_target(answer)
    for said in (tokenizer.decode(ids), clean_question(answer)):
        assert evaluate(ExactMatch(), [dict(pred_answer=said, answers=[answer])]) == {'accuracy': 100}, said
    assert evaluate(ExactMatch(), [dict(pred_answer='shirt', answers=[answer])]) == {'accuracy': 0}


def test_video_qa_result_file(tmp_path):
    metric = ExactMatch(out_file=str(tmp_path / 'answers.json'))
    metric.process(
        None, [dict(question_id=7, pred_answer='Dog', answers=['dog']), dict(sample_id='b', pred_answer='x', answers=['y'])]
    )
    assert metric.evaluate(2)['accuracy'] == 50
    assert json.loads((tmp_path / 'answers.json').read_text()) == [
        dict(question_id=7, answer='Dog'),
        dict(question_id='b', answer='x'),
    ]
