"""Predictions written by a test, scored again, and made of inputs without labels."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from mplug2.cli.test import augment, drop_metrics_without_labels, use_device
from mplug2.config.load import load_config
from mplug2.evaluation import CaptionMetric, ExactMatch, SQuADMetric
from mplug2.evaluation.predictions import line_of, read_lines
from mplug2.registry import DATASETS
from mplug2.structures import MultiModalDataSample
from tests.runs import mplug2

FEW = ['test_dataloader.num_workers=0', 'test_dataloader.batch_size=4', '+test_dataloader.dataset.indices=8']
CASES = {'mini/video_captioning': 'pred_caption', 'mini/video_qa': 'pred_answer', 'mini/video_text_retrieval': 'best'}


@pytest.mark.parametrize('config', CASES)
def test_a_file_of_predictions_scores_as_the_test_did(config: str, mini_home: Path, tmp_path: Path) -> None:
    written = tmp_path / 'new' / 'predictions.jsonl'
    options = ['--work-dir', tmp_path, '--out', tmp_path / 'test.json', '--predictions', written]
    assert mplug2(mini_home, 'test', config, 'mplug2_tiny', *options, '--cfg-options', *FEW) == 0
    again = tmp_path / 'again.json'
    assert mplug2(mini_home, 'evaluate', written, config, '--out', again) == 0
    first, second = (json.loads(path.read_text()) for path in (tmp_path / 'test.json', again))
    assert second == {key: value for key, value in first.items() if key != 'seconds'}
    lines = [json.loads(line) for line in written.read_text().splitlines()]
    assert all(CASES[config] in line['prediction'] for line in lines)
    if config != 'mini/video_text_retrieval':
        assert len(lines) == 8
        assert all(line['reference'] and line['scores'] and line['input']['path'] for line in lines)


def test_a_line_and_back(tmp_path: Path) -> None:
    metric = SQuADMetric()
    sample = MultiModalDataSample(answers=[], pred_answer='', pred_score=torch.tensor([0.1, 1 / 3]), context='c')
    sample.set_metainfo(dict(sample_id=7))
    line = line_of(sample.to_dict(), [metric])
    assert json.loads(line)['scores'] == dict(exact_match=100.0, F1=100.0)
    (tmp_path / 'a.jsonl').write_text(f'{line}\nnothing\n')
    lines = read_lines(tmp_path / 'a.jsonl')
    again = next(lines)
    assert torch.equal(torch.tensor(again.pop('pred_score')), sample.pred_score)
    assert again == dict(sample_id=7, answers=[], pred_answer='', context='c')
    with pytest.raises(ValueError, match='line 2: no prediction'):
        next(lines)


def test_scores_of_a_sample() -> None:
    sample = dict(sample_id=1, pred_caption='a red seven', captions=['a red seven', 'a blue one'])
    assert CaptionMetric().score_sample(sample) == {'ROUGE-L': pytest.approx(1.0), 'exact_match': 100.0}
    assert ExactMatch().score_sample(dict(pred_answer='Two', answers=['two'], question_type='x')) == dict(accuracy=100.0)
    assert CaptionMetric().score_sample(dict(sample, captions=[])) == {}


@pytest.mark.parametrize(('captions', 'kept'), [([], 0), (['a red seven'], 1)])
def test_metrics_are_left_out_without_labels(captions: list, kept: int, caplog: pytest.LogCaptureFixture) -> None:
    dataset = [dict(data_samples=MultiModalDataSample(captions=captions))]
    evaluator = SimpleNamespace(metrics=[CaptionMetric()])
    loop = SimpleNamespace(evaluator=evaluator, dataloader=SimpleNamespace(dataset=dataset))
    drop_metrics_without_labels(SimpleNamespace(test_loop=loop, logger=logging.getLogger('mplug2.test')))
    assert len(evaluator.metrics) == kept
    assert bool(caplog.records) == (not kept)


def test_a_device_is_one_of_a_kind() -> None:
    with pytest.raises(ValueError, match="is 'cpu', 'cuda' or"):
        use_device('tpu', 'none')
    with pytest.raises(ValueError, match='is for one process'):
        use_device('cpu', 'pytorch')


def test_predicting_without_labels(mini_home: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    clips = sorted((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4'))[:2]
    out = tmp_path / 'predicted.jsonl'
    assert mplug2(mini_home, 'predict', 'mini/video_captioning', 'mplug2_tiny', *clips, '--out', out) == 0
    assert all(json.loads(line)['text'] for line in out.read_text().splitlines())
    assert mplug2(mini_home, 'predict', 'mini/video_qa', 'mplug2_tiny', *clips) == 1
    assert capsys.readouterr().err.splitlines()[-1] == (
        'mplug2 predict: answer needs a question for its inputs: give it as --text'
    )
    assert mplug2(mini_home, 'predict', 'mini/video_text_retrieval', 'mplug2_tiny', *clips) == 1
    assert 'say which with --method' in capsys.readouterr().err


def test_augmented_tests_average_mirrored_views(mini_home: Path) -> None:
    cfg = load_config('mini/image_classification')
    augment(cfg)
    cfg.test_dataloader.dataset.update(
        data_prefix=str(mini_home / 'data/mini/imagenet/test'),
        synsets=str(mini_home / 'data/mini/imagenet/LOC_synset_mapping.txt'),
        indices=1,
    )
    sample = DATASETS.build(cfg.test_dataloader.dataset)[0]
    frames = sample['inputs']['frames']
    assert sample['data_samples'].num_views == len(frames) == 2
    assert torch.equal(frames[1], frames[0].flip(-1))
    with pytest.raises(ValueError, match='--tta averages the views of classification'):
        augment(load_config('mini/video_captioning'))
