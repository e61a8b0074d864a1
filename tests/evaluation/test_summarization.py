import builtins

import pytest

from mplug2.evaluation import RougeMetric


def test_rouge_by_hand():
    pytest.importorskip('rouge_score')
    samples = [
        # four of five words; pairs 'police killed' and 'the gunman' of the reference's four; in order: four
        dict(pred_summary='police killed a the gunman', summaries=['police killed the gunman today']),
        # stems agree; the better of two references counts
        dict(pred_summary='Dogs run', summaries=['nothing', 'dog runs']),
    ]
    metric = RougeMetric()
    metric.process(None, samples)
    assert metric.evaluate(2) == pytest.approx({'ROUGE-1': 90, 'ROUGE-2': 75, 'ROUGE-L': 90}, abs=1e-6)


def test_the_error_names_the_package(monkeypatch):
    real = builtins.__import__

    def absent(name, *args, **kwargs):
        if name.startswith('rouge_score'):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, '__import__', absent)
    with pytest.raises(ImportError, match='pip install rouge-score'):
        RougeMetric()
