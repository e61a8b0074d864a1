import builtins

import pytest

from mplug2.evaluation import RougeMetric
from mplug2.evaluation.summarization import gigaword_words


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


def test_words_as_gigaword_has_them(tmp_path):
    pytest.importorskip('rouge_score')
    assert gigaword_words("Banks can't pay , does n ' t <unk>") == "banks ca n't pay , does n't unk"
    samples = [
        dict(pred_summary="bank can't pay", summaries=["bank ca n't pay"]),
        dict(pred_summary='## killed in u. s.', summaries=['### killed in u.s.']),  # signs count for nothing
    ]
    metric = RougeMetric(gigaword=True, out_file=str(tmp_path / 'out/said.txt'))
    metric.process(None, samples)
    assert metric.evaluate(2) == pytest.approx({'ROUGE-1': 100, 'ROUGE-2': 100, 'ROUGE-L': 100})
    assert (tmp_path / 'out/said.txt').read_text() == "bank can't pay\n## killed in u. s.\n"
    plain = RougeMetric()
    plain.process(None, samples[:1])
    assert plain.evaluate(1)['ROUGE-1'] == pytest.approx(200 / 3)  # bank, t and pay of four and of five words


def test_words_of_other_scripts_count() -> None:
    word, other = '\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35', '\u0432\u0435\u0441\u043d\u0430'
    metric = RougeMetric()
    metric.process({}, [dict(summaries=[word], pred_summary=word), dict(summaries=[word], pred_summary=other)])
    assert metric.evaluate(2)['ROUGE-1'] == 50
