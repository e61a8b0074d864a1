"""The model: a bag of modules and tasks, checked when it is built."""

from __future__ import annotations

import pytest
import torch

from mplug2.model import MPlug2
from mplug2.networks import Features
from tests.tasks.models import LAYER, WORDS, small_model, small_network_cfg, some_batch

CAPTIONING = dict(type='Captioning', media='video', generation=dict(num_beams=1, min_length=1, max_length=3))
PUBLISHED = dict(**CAPTIONING, condition='vision')
DECODER = dict(type='TextDecoder', num_layers=1, **WORDS, **LAYER)
VISION = dict(type='DualVisionEncoder', image_size=32, patch_size=16, num_layers=1, **LAYER)
TOKENIZER = dict(type='BertTokenizer', vocab='mini')


def test_a_network_without_what_the_task_needs_is_refused() -> None:
    with pytest.raises(ValueError, match='needs fusion') as caught:
        MPlug2(dict(vision_encoder=VISION, decoder=DECODER), dict(clips=CAPTIONING), TOKENIZER)
    assert str(caught.value) == (
        "task 'clips' (Captioning) needs fusion and text_encoder, which the network config lacks; "
        'it has decoder, vision_encoder'
    )


def test_a_part_set_to_none_is_absent() -> None:
    """As an override of a base config sets it."""
    with pytest.raises(ValueError, match='needs decoder, which the network config lacks'):
        MPlug2(dict(vision_encoder=VISION, decoder=None), dict(clips=PUBLISHED), TOKENIZER)


def test_what_no_task_needs_is_dropped() -> None:
    model = small_model(PUBLISHED)
    assert model.network.text_encoder is None
    assert model.network.fusion is None
    assert not [name for name in model.state_dict() if name.startswith(('network.text_encoder', 'network.fusion'))]


def test_several_tasks_share_one_network() -> None:
    both = dict(clips=PUBLISHED, images=dict(type='QuestionAnswering', media='image'))
    model = MPlug2(small_network_cfg(), both, TOKENIZER)
    assert all(part is not None for part in model.network._modules.values())
    assert model.task_of(some_batch(1).replace(task='images')) is model.tasks['images']
    with pytest.raises(KeyError, match=r"the batch is for task None; the model has \['clips', 'images'\]"):
        model.task_of(some_batch(1))


def test_an_unknown_part_is_refused() -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'encoder'"):
        MPlug2(dict(encoder=VISION), dict(clips=PUBLISHED), TOKENIZER)


def test_vocabularies_must_agree() -> None:
    network = dict(small_network_cfg())
    network['decoder'] = dict(network['decoder'], vocab_size=999)
    with pytest.raises(ValueError, match='decoder has 999 words, but the tokenizer has 1000'):
        MPlug2(network, dict(clips=CAPTIONING), TOKENIZER)


def test_widths_must_agree() -> None:
    network = dict(small_network_cfg())
    network['fusion'] = dict(network['fusion'], width=64)
    with pytest.raises(ValueError, match='universal gives 32 channels and fusion takes 64'):
        MPlug2(network, dict(clips=CAPTIONING), TOKENIZER)


def test_the_modes_of_the_forward() -> None:
    model = small_model(CAPTIONING).eval()
    batch = some_batch(2, frames=2)
    assert isinstance(model(batch), Features)
    predicted = model(batch, mode='predict')
    assert [sample.sample_id for sample in predicted] == [0, 1]
    assert all(isinstance(sample.pred_caption, str) for sample in predicted)
    with pytest.raises(ValueError, match="mode is 'loss', 'predict' or 'tensor', not 'test'"):
        model(batch, mode='test')


def test_an_input_that_the_pipeline_did_not_make_is_named() -> None:
    with pytest.raises(
        KeyError, match="asks for 'text', which the batch lacks; it has 'frames': add the transform that makes it"
    ):
        small_model(CAPTIONING)(some_batch(1).replace(text=None), mode='predict')


def test_generating_from_tensors_equals_the_task() -> None:
    model = small_model(CAPTIONING).train()
    batch = some_batch(2, frames=2)
    ids, scores = model.generate(batch['frames'], batch['text'])
    assert model.training  # as it was
    predicted = model.eval()(batch, mode='predict')
    assert [model.tokenizers['decoder'].decode(one[0]) for one in ids] == [sample.pred_caption for sample in predicted]
    assert [one[0] for one in scores] == pytest.approx([sample.pred_score for sample in predicted])


def test_weights_are_initialised_once() -> None:
    model = small_model(PUBLISHED)
    model.init_weights()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    model.init_weights()
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
