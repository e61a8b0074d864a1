import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mplug2.evaluation import GLUEMetric
from mplug2.evaluation.text_classification import accuracy, f1

SAMPLES = [dict(pred_label=said, label=label) for said, label in [(1, 1), (1, 1), (1, 0), (0, 1), (0, 0)]]


def evaluate(task, samples=SAMPLES):
    metric = GLUEMetric(task)
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_scores_by_hand():
    # 2 true positives, 1 false positive, 1 false negative, 1 true negative
    assert evaluate('mrpc') == pytest.approx({'accuracy': 60, 'F1': 200 / 3})
    assert evaluate('rte') == pytest.approx({'accuracy': 60})
    assert evaluate('mnli', [dict(pred_label=2, label=2), dict(pred_label=0, label=1)]) == {'accuracy': 50}


def test_f1_without_a_hit():
    assert f1([0, 0], [1, 0]) == 0


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 1)), min_size=1, max_size=30))
def test_agrees_with_scikit_learn(pairs):
    scores = pytest.importorskip('sklearn.metrics')
    said, labels = [list(column) for column in zip(*pairs, strict=True)]
    assert accuracy(said, labels) == pytest.approx(100 * scores.accuracy_score(labels, said))
    assert f1(said, labels) == pytest.approx(100 * scores.f1_score(labels, said, zero_division=0))


def test_unknown_task():
    with pytest.raises(ValueError, match=r"one of sst2, .*not 'cola'"):
        GLUEMetric('cola')


def test_subsets_and_submissions(tmp_path):
    metric = GLUEMetric('mnli', out_file=str(tmp_path / 'sub/MNLI.tsv'))
    metric.dataset_meta = dict(classes=('entailment', 'neutral', 'contradiction'))
    rows = [(1, 0, 'matched', 0), (0, 0, 'matched', 1), (0, 2, 'mismatched', 2)]
    metric.process(
        None, [dict(index=index, pred_label=said, subset=subset, label=label) for index, said, subset, label in rows]
    )
    assert metric.evaluate(3) == pytest.approx({'accuracy': 200 / 3, 'accuracy/matched': 50, 'accuracy/mismatched': 100})
    assert (tmp_path / 'sub/MNLI-m.tsv').read_text() == 'index\tprediction\n0\tentailment\n1\tentailment\n'
    assert (tmp_path / 'sub/MNLI-mm.tsv').read_text() == 'index\tprediction\n0\tcontradiction\n'


def test_a_test_split_is_written_and_not_scored(tmp_path):
    samples = [dict(index=index, pred_label=1 - index % 2, label=None, sample_id=f'test-{index}') for index in range(2)]
    metric = GLUEMetric('rte', out_file=str(tmp_path / 'RTE.tsv'))
    metric.dataset_meta = dict(classes=('entailment', 'not_entailment'))
    metric.process(None, samples)
    assert metric.evaluate(2) == {}
    assert (tmp_path / 'RTE.tsv').read_text() == 'index\tprediction\n0\tnot_entailment\n1\tentailment\n'
    with pytest.raises(ValueError, match="sample 'test-0' has no label to score; for a test split give out_file"):
        GLUEMetric('rte').process(None, samples)
