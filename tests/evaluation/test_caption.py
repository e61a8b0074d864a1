import csv
import gc
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from mmengine.evaluator import Evaluator

from mplug2.evaluation import CaptionMetric, WordAccuracy
from mplug2.evaluation import caption as module
from mplug2.registry import METRICS
from mplug2.structures import MultiModalDataSample
from mplug2.utils import installed

DATA = Path(__file__).parents[1] / 'data' / 'caption_metrics'
PUBLISHED = json.loads((DATA / 'scores.json').read_text())


def evaluate(metric, samples):
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def human_captions(predicted, references):
    with open(DATA / 'example_1.csv', newline='') as file:
        rows = list(csv.DictReader(file))
    names = [f'caption_{k}' for k in references]
    return [
        dict(sample_id=i, pred_caption=row[predicted], captions=[row[name] for name in names]) for i, row in enumerate(rows)
    ]


needs_java = pytest.mark.skipif(shutil.which('java') is None, reason='METEOR is a Java program')
of_human_captions = pytest.mark.parametrize(
    ('who', 'predicted', 'references'), [('predicted', 'caption_predicted', range(1, 6)), ('human', 'caption_1', range(2, 6))]
)


@of_human_captions
def test_published_scores_of_human_captions(who, predicted, references):
    metrics = evaluate(CaptionMetric(meteor=False), human_captions(predicted, references))
    for name, value in PUBLISHED[who].items():
        if name != 'METEOR':
            assert metrics[name] == pytest.approx(value, abs=1e-4), name
    assert 'METEOR' not in metrics


@pytest.mark.slow
@needs_java
@of_human_captions
def test_published_meteor_of_human_captions_through_java(who, predicted, references):
    pytest.importorskip('pycocoevalcap')
    metrics = evaluate(CaptionMetric(), human_captions(predicted, references))
    assert metrics['METEOR'] == pytest.approx(PUBLISHED[who]['METEOR'], abs=1e-4)


@pytest.mark.slow
@needs_java
def test_meteor_of_an_empty_caption():
    pytest.importorskip('pycocoevalcap')
    samples = [
        dict(sample_id=0, pred_caption='a dog runs', captions=['A dog runs.']),
        dict(sample_id=1, pred_caption='', captions=['a cat sleeps']),
    ]
    metrics = evaluate(CaptionMetric(), samples)
    assert 0 < metrics['METEOR'] < 1


def test_without_java_there_is_one_notice(monkeypatch):
    notices = []
    monkeypatch.setattr(installed.shutil, 'which', lambda name: None)
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: notices.append(text))
    module._java_runs.cache_clear()
    sample = dict(sample_id=0, pred_caption='a dog', captions=['a dog'])
    for _ in range(2):
        assert 'METEOR' not in evaluate(CaptionMetric(), [sample])
    assert len(notices) == 1
    assert 'java' in notices[0]
    module._java_runs.cache_clear()


@pytest.fixture
def spice_package(tmp_path, monkeypatch):
    """pycocoevalcap's SPICE with the parser's files, of which the real package lacks the latter; records what it is given."""
    places = SimpleNamespace(submodule_search_locations=[str(tmp_path)])
    monkeypatch.setattr(installed, 'find_spec', lambda name: places)
    monkeypatch.setattr(installed.shutil, 'which', lambda name: '/usr/bin/java')
    for name in module.STANFORD:
        jar = tmp_path / name.removeprefix('pycocoevalcap/')
        jar.parent.mkdir(parents=True, exist_ok=True)
        jar.touch()
    given = []

    class Spice:
        def compute_score(self, references, candidates):
            given.append((references, candidates))
            return 0.25, [{}]

    stand_in = ModuleType('pycocoevalcap.spice.spice')
    stand_in.Spice = Spice
    monkeypatch.setitem(sys.modules, 'pycocoevalcap.spice.spice', stand_in)
    notices = []
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: notices.append(text))
    module._java_runs.cache_clear()
    yield SimpleNamespace(folder=tmp_path, kind=Spice, given=given, notices=notices)
    module._java_runs.cache_clear()


A_DOG = dict(sample_id=0, pred_caption='A dog.', captions=['a dog runs.', 'the dog'])


def test_spice_is_given_tokenized_captions(spice_package):
    pytest.importorskip('pycocoevalcap')
    assert evaluate(CaptionMetric(meteor=False, spice=True), [A_DOG])['SPICE'] == 0.25
    assert spice_package.given == [({0: ['a dog runs', 'the dog']}, {0: ['a dog']})]
    assert 'SPICE' not in evaluate(CaptionMetric(meteor=False), [A_DOG])
    assert spice_package.notices == []


def test_spice_without_the_parser_is_left_out_and_downloads_nothing(spice_package, monkeypatch):
    (spice_package.folder / module.STANFORD[1].removeprefix('pycocoevalcap/')).unlink()
    monkeypatch.setattr(spice_package.kind, '__init__', lambda self: pytest.fail('it would download the parser'))
    for _ in range(2):
        assert 'SPICE' not in evaluate(CaptionMetric(meteor=False, spice=True), [A_DOG])
    (notice,) = spice_package.notices
    assert 'SPICE is left out' in notice
    assert 'stanford-corenlp-3.6.0-models.jar not found' in notice


def test_the_other_scores_outlive_a_java_that_fails(spice_package, monkeypatch):
    pytest.importorskip('pycocoevalcap')

    def fail(self, references, candidates):
        raise subprocess.CalledProcessError(1, ['java', '-jar', 'spice-1.0.jar'])

    monkeypatch.setattr(spice_package.kind, 'compute_score', fail)
    metrics = evaluate(CaptionMetric(meteor=False, spice=True), [A_DOG])
    assert 'SPICE' not in metrics
    assert metrics['BLEU-1'] > 0
    assert 'spice-1.0.jar' in spice_package.notices[0]


def test_exact_match_and_the_result_file(tmp_path):
    samples = [
        dict(sample_id='v1', image_id=7, pred_caption='a red three moves left', captions=['A red three moves left.', 'no']),
        dict(sample_id='v2', pred_caption='a red three', captions=['a red three moves left']),
    ]
    out_file = tmp_path / 'results' / 'captions.json'
    metrics = evaluate(CaptionMetric(meteor=False, out_file=str(out_file)), samples)
    assert metrics['exact_match'] == 50
    assert json.loads(out_file.read_text()) == [
        {'image_id': 7, 'caption': 'a red three moves left'},
        {'image_id': 'v2', 'caption': 'a red three'},
    ]


def test_the_result_file_of_msrvtt(tmp_path):
    out_file = tmp_path / 'captions.json'
    metric = CaptionMetric(meteor=False, out_file=str(out_file), file_format='msrvtt')
    evaluate(metric, [dict(sample_id='video7010', pred_caption='a dog runs', captions=['a dog'])])
    written = json.loads(out_file.read_text())
    assert written['result'] == [{'video_id': 'video7010', 'caption': 'a dog runs'}]
    assert set(written) == {'version', 'result', 'external_data'}
    with pytest.raises(ValueError, match="file_format is one of 'coco', 'msrvtt', not 'vatex'"):
        CaptionMetric(file_format='vatex')


def test_runs_from_a_config_on_data_samples():
    sample = MultiModalDataSample(metainfo=dict(sample_id='v1', media='video', path='v1.mp4'))
    sample.captions, sample.pred_caption = ['a dog'], 'a dog'
    metric = METRICS.build(dict(type='CaptionMetric', meteor=False))
    evaluator = Evaluator([metric])
    evaluator.process([sample])
    metrics = evaluator.evaluate(1)
    assert metrics['exact_match'] == 100
    assert metrics['BLEU-1'] == pytest.approx(1)


def test_errors_name_the_sample_and_the_field():
    with pytest.raises(KeyError, match=r"CaptionMetric needs 'pred_caption'.*'v9'"):
        CaptionMetric(meteor=False).process(None, [dict(sample_id='v9', captions=['a'])])
    with pytest.raises(ValueError, match=r"'v9' has no reference"):
        CaptionMetric(meteor=False).process(None, [dict(sample_id='v9', captions=[], pred_caption='a')])


GROUPS = dict(colour=['red', 'blue', 'light blue'], motion=['moves left', 'moves right'])


def test_word_accuracy_counts_the_words_of_a_group():
    samples = [
        dict(sample_id=0, pred_caption='A light blue 3 moves left.', captions=['a light blue 5 moves left']),  # 1/1, 1/1
        dict(
            sample_id=1, pred_caption='a blue 3 moves left', captions=['a light blue 5 moves left']
        ),  # not the same blue: 0/1, 1/1
        dict(sample_id=2, pred_caption='a red and a red 3', captions=['a red 3 moves right']),  # one red too many: 1/2, 0/1
        dict(sample_id=3, pred_caption='a 3', captions=['a 3']),  # nothing expected, nothing said
        dict(
            sample_id=4, pred_caption='a red 3', captions=['a blue 3', 'a red 3 moves left']
        ),  # the better reference: 1/1, 0/0
    ]
    metrics = evaluate(WordAccuracy(GROUPS), samples)
    assert metrics == {'word_accuracy/colour': pytest.approx(100 * 3 / 5), 'word_accuracy/motion': pytest.approx(100 * 2 / 3)}


def test_word_accuracy_of_samples_with_one_word():
    samples = [
        dict(sample_id=0, pred_caption='red', captions=['red']),
        dict(sample_id=1, pred_caption='blue', captions=['red']),
        dict(sample_id=2, pred_caption='blue', captions=['red and red']),
    ]
    assert evaluate(WordAccuracy(dict(colour=['red', 'blue']), words=1), samples) == {'word_accuracy/colour': 50}


def test_domains_and_a_test_split_without_references(tmp_path):
    samples = [
        dict(image_id=1, pred_caption='a red dog runs', captions=['a red dog runs'], domain='in-domain'),
        dict(image_id=2, pred_caption='a cat sits here', captions=['a blue cat sits'], domain='out-domain'),
        dict(image_id=3, pred_caption='two birds fly', captions=['two birds fly'], domain='out-domain'),
    ]
    metric = CaptionMetric(meteor=False)
    metric.process(None, samples)
    found = metric.evaluate(3)
    assert {key for key in found if key.startswith('CIDEr-D/')} == {'CIDEr-D/in-domain', 'CIDEr-D/out-domain'}
    alone = CaptionMetric(meteor=False)
    alone.process(None, [{**sample, 'domain': None} for sample in samples[1:]])
    assert found['CIDEr-D/out-domain'] == alone.evaluate(2)['CIDEr-D']

    unscored = CaptionMetric(meteor=False, out_file=str(tmp_path / 'captions.json'))
    unscored.process(None, [dict(image_id=1, pred_caption='a red dog'), dict(image_id=2, pred_caption='a cat', captions=[])])
    assert unscored.evaluate(2) == {}
    assert len(json.loads((tmp_path / 'captions.json').read_text())) == 2


def test_a_java_that_fails_costs_meteor_alone(tmp_path, monkeypatch):
    pytest.importorskip('pycocoevalcap')
    java = tmp_path / 'java'
    java.write_text('#!/bin/sh\nexit 1\n')
    java.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    notices = []
    monkeypatch.setattr(module, 'print_log', lambda text, **kwargs: notices.append(text))
    module._java_runs.cache_clear()
    metrics = evaluate(CaptionMetric(spice=False), [dict(sample_id=0, pred_caption='a dog', captions=['a dog'])])
    gc.collect()  # its destructor would wait for ever
    module._java_runs.cache_clear()
    assert 'METEOR' not in metrics
    assert metrics['BLEU-1'] > 0
    assert 'METEOR is left out of the caption metrics: Java failed' in notices[0]
