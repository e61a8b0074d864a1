import numpy as np
import pytest
import torch
from torch.utils.data._utils.pin_memory import pin_memory

from mplug2.datasets import BadSampleError, multimodal_collate
from mplug2.datasets.transforms import TargetText
from mplug2.preprocessor import MultiModalDataPreprocessor
from mplug2.registry import FUNCTIONS
from mplug2.structures import MultiModalDataSample
from mplug2.text import PairEncoding


def item(name, **inputs) -> dict:
    return dict(inputs=inputs, data_samples=MultiModalDataSample(metainfo=dict(sample_id=name)))


def test_kinds_of_inputs():
    one = item(
        'a',
        frames=torch.full((2, 3, 4, 4), 1, dtype=torch.uint8),
        text=[101, 7],
        target=[TargetText([101, 5, 6, 102], [False, True, True, True], 0.75), TargetText([101, 102], [False, True], 0.25)],
        pair=PairEncoding([101, 4, 102, 5, 102], [0, 0, 0, 1, 1], [(0, 0)] * 5),
        label=3,
        task='captioning',
    )
    two = item(
        'b',
        frames=torch.full((2, 3, 4, 4), 2, dtype=torch.uint8),
        text=[101, 7, 8],
        target=[TargetText([101, 9, 102], [False, True, True])],
        pair=PairEncoding([101, 4, 102], [0, 0, 0], [(0, 0)] * 3),
        label=1,
        task='captioning',
    )
    batch = multimodal_collate([one, two])
    inputs = batch['inputs']
    assert [sample.sample_id for sample in batch['data_samples']] == ['a', 'b']
    assert inputs['frames'].shape == (2, 2, 3, 4, 4)
    assert inputs['frames'].dtype == torch.uint8
    assert inputs['text'].ids.tolist() == [[101, 7, 0], [101, 7, 8]]
    assert inputs['text'].mask.tolist() == [[True, True, False], [True, True, True]]
    assert inputs['text'].token_type_ids is None
    target = inputs['target']
    assert target.ids.tolist() == [[101, 5, 6, 102], [101, 102, 0, 0], [101, 9, 102, 0]]
    assert target.mask.sum(1).tolist() == [4, 2, 3]
    assert target.loss_mask.tolist() == [
        [False, True, True, True],
        [False, True, False, False],
        [False, True, True, False],
    ]
    assert target.sample.tolist() == [0, 0, 1]
    assert target.weight.tolist() == [0.75, 0.25, 1.0]
    assert inputs['pair'].token_type_ids.tolist() == [[0, 0, 0, 1, 1], [0, 0, 0, 0, 0]]
    assert inputs['label'].tolist() == [3, 1]
    assert inputs['task'] == 'captioning'


def test_a_batch_keeps_its_form_when_it_is_pinned(monkeypatch):
    """As a loader does it for a GPU; without one, pinning is replaced by a copy."""
    monkeypatch.setattr(torch.Tensor, 'pin_memory', lambda self, *_: self.clone())
    pair = PairEncoding([101, 4, 102], [0, 0, 0], [(0, 0)] * 3)
    batch = multimodal_collate(
        [
            item(
                'a',
                frames=torch.ones(2, 3, 4, 4),
                text=[101, 7],
                target=[TargetText([101, 5], [False, True])],
                pair=pair,
                task='x',
            )
        ]
    )
    pinned = pin_memory(batch)['inputs']
    assert {key: type(value) for key, value in pinned.items()} == {key: type(value) for key, value in batch['inputs'].items()}
    assert pinned['target'].ids.tolist() == [[101, 5]]
    assert pinned['target'].ids is not batch['inputs']['target'].ids


def test_what_collates_passes_the_preprocessor():
    frames = torch.zeros(1, 3, 4, 4, dtype=torch.uint8)
    batch = multimodal_collate([item('a', frames=frames, text=[101], label=2, task='vqa')])
    inputs = MultiModalDataPreprocessor()(batch)['inputs']
    assert inputs.task == 'vqa'
    assert inputs['text'].ids.tolist() == [[101]]
    assert 'target' not in inputs
    assert inputs['label'].tolist() == [2]
    assert inputs.samples[0].sample_id == 'a'


def test_skipped_samples_leave_the_batch():
    batch = multimodal_collate([None, item('a', text=[1]), None])
    assert len(batch['data_samples']) == 1
    assert batch['inputs']['text'].ids.shape == (1, 1)
    with pytest.raises(BadSampleError, match='all 2 samples'):
        multimodal_collate([None, None])


def test_errors_name_samples():
    one, other = torch.zeros(1, 3, 4, 4), torch.zeros(1, 3, 4, 5)
    with pytest.raises(ValueError, match=r"'frames' is \(1, 3, 4, 4\) in sample a and \(1, 3, 4, 5\) in sample b"):
        multimodal_collate([item('a', frames=one), item('b', frames=other)])
    with pytest.raises(KeyError, match='sample a has text; sample b has frames, text'):
        multimodal_collate([item('a', text=[1]), item('b', frames=one, text=[1])])
    with pytest.raises(ValueError, match='differs within a batch: vqa, words'):
        multimodal_collate([item('a', task='words'), item('b', task='vqa')])
    with pytest.raises(TypeError, match=r"'boxes' of sample a is a ndarray"):
        multimodal_collate([item('a', boxes=np.zeros(4))])


def test_registered_as_a_function():
    assert FUNCTIONS.get('multimodal_collate') is multimodal_collate
