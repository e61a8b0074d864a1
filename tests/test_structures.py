"""Data samples and batches."""

from __future__ import annotations

import copy
import pickle

import pytest
import torch

from mplug2.preprocessor import MultiModalDataPreprocessor
from mplug2.structures import Batch, MultiModalDataSample, Tokens


def test_a_sample_keeps_annotations_apart_from_meta_information() -> None:
    sample = MultiModalDataSample(metainfo=dict(sample_id='video7', media='video'))
    sample.captions = ['a red seven']
    sample.pred_caption = 'a red one'
    assert sample.get('sample_id') == 'video7'
    assert set(sample.keys()) == {'captions', 'pred_caption'}
    assert sample.to_dict()['captions'] == ['a red seven']
    with pytest.raises(AttributeError):
        sample.sample_id = 'video8'


def test_the_preprocessor_makes_a_batch() -> None:
    frames = torch.randint(0, 256, (2, 3, 3, 4, 5), dtype=torch.uint8)
    text = Tokens(torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3, dtype=torch.bool))
    samples = [MultiModalDataSample(metainfo=dict(sample_id=number)) for number in range(2)]
    mean, std = (0.1, 0.2, 0.3), (0.5, 0.25, 0.125)
    inputs = dict(frames=frames, text=text, boxes=torch.ones(2, 4), task='captioning')
    batch = MultiModalDataPreprocessor(mean, std)(dict(inputs=inputs, data_samples=samples))['inputs']
    expected = (frames / 255 - torch.tensor(mean).view(3, 1, 1)) / torch.tensor(std).view(3, 1, 1)
    torch.testing.assert_close(batch.frames, expected, rtol=1e-5, atol=1e-5)
    assert isinstance(batch, Batch)
    assert isinstance(batch.text, Tokens)
    assert batch.task == 'captioning'
    assert batch.target is None
    assert list(batch.extra) == ['boxes']
    assert [sample.sample_id for sample in batch.samples] == [0, 1]
    assert 'frames' in inputs  # the caller's dict is as it was


def test_batches_do_not_share_what_is_written_into_one() -> None:
    batch = Batch()
    assert (dict(batch.extra), list(batch.samples)) == ({}, [])
    with pytest.raises(TypeError, match='a default that all batches share'):
        batch.extra['label'] = torch.zeros(1)
    assert copy.deepcopy(batch) == pickle.loads(pickle.dumps(batch)) == batch
    assert batch._replace(extra=batch.extra | dict(label=1)).extra == dict(label=1)
    assert not Batch().extra


def test_frames_that_were_normalised_already_are_refused() -> None:
    with pytest.raises(TypeError, match=r'as uint8, not torch\.float32'):
        MultiModalDataPreprocessor()(dict(inputs=dict(frames=torch.zeros(1, 1, 3, 2, 2)), data_samples=[]))


def test_the_statistics_are_not_weights() -> None:
    assert not MultiModalDataPreprocessor().state_dict()
