"""Data samples and batches."""

from __future__ import annotations

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
    torch.testing.assert_close(batch['frames'], expected, rtol=1e-5, atol=1e-5)
    assert isinstance(batch, Batch)
    assert isinstance(batch['text'], Tokens)
    assert batch.task == 'captioning'
    assert 'target' not in batch
    assert sorted(batch.inputs) == ['boxes', 'frames', 'text']
    assert [sample.sample_id for sample in batch.samples] == [0, 1]
    assert 'frames' in inputs  # the caller's dict is as it was


def test_batches_share_nothing() -> None:
    batch, other = Batch(), Batch()
    batch.inputs['label'] = torch.zeros(1)
    assert 'label' not in other
    changed = batch.replace(task='qa', span=torch.ones(1))
    assert (changed.task, sorted(changed.inputs), sorted(batch.inputs)) == ('qa', ['label', 'span'], ['label'])
    assert 'label' not in changed.replace(label=None)
    copied = pickle.loads(pickle.dumps(changed))
    assert (copied.task, sorted(copied.inputs)) == ('qa', ['label', 'span'])


def test_an_input_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(
        KeyError, match="a task asks for 'mlm_ids', which the batch lacks; it has 'label': add the transform that makes it"
    ):
        Batch(label=torch.zeros(1))['mlm_ids']


def test_frames_that_were_normalised_already_are_refused() -> None:
    with pytest.raises(TypeError, match=r'as uint8, not torch\.float32'):
        MultiModalDataPreprocessor()(dict(inputs=dict(frames=torch.zeros(1, 1, 3, 2, 2)), data_samples=[]))


def test_the_statistics_are_not_weights() -> None:
    assert not MultiModalDataPreprocessor().state_dict()
