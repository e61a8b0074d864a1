"""A run starts from, or tests, a checkpoint of another run with other tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mplug2.config import load_config
from mplug2.engine import CheckpointError, load_weights
from mplug2.engine.checkpoint import fitting
from mplug2.model import MPlug2
from mplug2.registry import MODELS, resolve
from mplug2.weights import MPlug2Weights


def build(config: str) -> MPlug2:
    torch.manual_seed(len(config))
    model = MODELS.build(resolve(load_config(config).model | dict(init_cfg=None), MODELS))
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def pretrained() -> dict[str, torch.Tensor]:
    """As `mini/pretrain` leaves it: with a twin and queues."""
    model = build('mini/pretrain')
    for name, value in model.state_dict().items():
        if 'twin' in name or name.endswith('_queue.features'):
            torch.nn.init.normal_(value)
    return model.state_dict()


def test_what_a_benchmark_has_of_pre_training_is_loaded_and_the_rest_begins_anew(pretrained: dict) -> None:
    model = build('mini/image_classification')
    head = {key: value.clone() for key, value in model.state_dict().items() if key.startswith('tasks.')}
    load_weights(model, pretrained, 'a file', 'training')
    for key, value in model.state_dict().items():
        assert torch.equal(value, head[key] if key in head else pretrained[key]), key
    with pytest.raises(CheckpointError, match=r'missing from it, such as tasks\.classification'):
        load_weights(model, pretrained, 'a file', 'test')


def test_pre_training_is_tested_by_what_its_tasks_share(pretrained: dict) -> None:
    model = build('mini/video_text_retrieval')
    load_weights(model, pretrained, 'a file', 'test')
    own = model.state_dict()
    shared = [key for key in own if key.startswith(('network.', 'tasks.retrieval.head.', 'tasks.retrieval.matching.'))]
    assert all(torch.equal(own[key], pretrained[key]) for key in shared)
    # One twin serves both kinds of media; queues are of one.
    assert model.tasks['retrieval'].twin.filled
    assert (own['tasks.retrieval.vision_queue.ids'] == -1).all()


@pytest.mark.parametrize('start', ['training', 'test'])
def test_half_a_twin_is_none(pretrained: dict, start: str) -> None:
    lacking = {key: value for key, value in pretrained.items() if key != 'tasks.retrieval.twin.module.universal.queries'}
    model = build('mini/video_text_retrieval')
    load_weights(model, lacking, 'a file', start)
    assert not model.tasks['retrieval'].twin.filled
    assert model.tasks['retrieval'].twin_head.filled


def test_an_initialiser_does_not_take_an_empty_twin_for_a_loaded_one(pretrained: dict) -> None:
    model = build('mini/video_text_retrieval')
    MPlug2Weights(pretrained, parts=['vision_encoder', 'text_encoder', 'universal'])(model)
    assert not model.tasks['retrieval'].twin.filled


def test_a_network_is_loaded_whole(pretrained: dict) -> None:
    shapes = {key: value.shape for key, value in pretrained.items()}
    model = build('mini/video_qa')
    for start in ('training', 'test'):
        less = {key: shape for key, shape in shapes.items() if not key.startswith('network.fusion.')}
        with pytest.raises(CheckpointError, match=r'missing from it, such as network\.fusion'):
            fitting(model, less, 'a file', start)
        with pytest.raises(CheckpointError, match=r'1 unknown to the model, such as network\.fusion\.layers\.9\.bias'):
            fitting(model, shapes | {'network.fusion.layers.9.bias': torch.Size([1])}, 'a file', start)
    with pytest.raises(CheckpointError, match='unknown to the model'):  # a resumed run is the same run
        fitting(model, shapes, 'a file')


def test_zero_shot_classification_reads_the_heads_of_retrieval(
    pretrained: dict, mini_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mini_home)
    model = build('mini/image_classification_zeroshot')
    load_weights(model, pretrained, 'a file', 'test')
    heads = [key for key in model.state_dict() if key.startswith('tasks.retrieval.head.')]
    assert heads
    assert all(torch.equal(model.state_dict()[key], pretrained[key]) for key in heads)
