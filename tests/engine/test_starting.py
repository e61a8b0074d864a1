"""A run starts from, or tests, a checkpoint of another run with other tasks."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mplug2.checkpoints import CheckpointError, MPlug2Weights, Policy, load
from mplug2.checkpoints.load import keys_to_load
from mplug2.checkpoints.sharded import save_sharded
from mplug2.config.load import load_config
from mplug2.model import MPlug2
from mplug2.modules.encoders.vision import resize_positions
from mplug2.registry import MODELS, resolve
from tests.runs import mplug2


def build(config: str) -> MPlug2:
    torch.manual_seed(len(config))
    model = MODELS.build(resolve(load_config(config).model | dict(init_cfg=None), MODELS))
    model.init_weights()
    return model


@pytest.fixture(scope='module')
def pretrained() -> dict[str, torch.Tensor]:
    """As `mini/pretrain` leaves it: with a momentum encoder and queues."""
    model = build('mini/pretrain')
    for name, value in model.state_dict().items():
        if name.endswith('.filled'):
            value.fill_(True)
        elif '.momentum_' in name or name.endswith('_queue.features'):
            torch.nn.init.normal_(value)
    return model.state_dict()


def test_what_a_benchmark_has_of_pre_training_is_loaded_and_the_rest_begins_anew(pretrained: dict) -> None:
    model = build('mini/image_classification')
    head = {key: value.clone() for key, value in model.state_dict().items() if key.startswith('tasks.')}
    load(model, pretrained, Policy.START)
    for key, value in model.state_dict().items():
        assert torch.equal(value, head[key] if key in head else pretrained[key]), key
    with pytest.raises(CheckpointError, match=r'missing from the file, such as tasks\.classification'):
        load(model, pretrained, Policy.TEST)


def test_pre_training_is_tested_by_what_its_tasks_share(pretrained: dict) -> None:
    model = build('mini/video_text_retrieval')
    load(model, pretrained, Policy.TEST)
    own = model.state_dict()
    shared = [key for key in own if key.startswith(('network.', 'tasks.retrieval.head.', 'tasks.retrieval.matching.'))]
    assert all(torch.equal(own[key], pretrained[key]) for key in shared)
    # One momentum encoder serves both kinds of media; queues are of one.
    assert model.tasks['retrieval'].contrastive.momentum_encoder.has_weights
    assert (own['tasks.retrieval.contrastive.vision_queue.ids'] == -1).all()


def test_queues_of_another_size_begin_anew(pretrained: dict, tmp_path: Path) -> None:
    """Whichever way the file was written."""
    cfg = load_config('mini/video_text_retrieval', {'model.tasks.retrieval.contrastive.queue_size': 64}).model
    save_sharded(dict(meta=dict(iter=1)), pretrained, {}, None, tmp_path / 'iter_1.shards')
    found = []
    for source in (pretrained, tmp_path / 'iter_1.shards'):
        torch.manual_seed(0)
        model = MODELS.build(resolve(cfg, MODELS))
        model.init_weights()
        load(model, source, Policy.START)
        found.append(model.state_dict())
    assert found[0]['tasks.retrieval.contrastive.vision_queue.ids'].tolist() == [-1] * 64
    assert all(torch.equal(value, found[1][key]) for key, value in found[0].items())


@pytest.mark.parametrize('policy', [Policy.START, Policy.TEST])
def test_half_a_momentum_encoder_is_none(pretrained: dict, policy: Policy) -> None:
    lacking = {
        key: value
        for key, value in pretrained.items()
        if key != 'tasks.retrieval.contrastive.momentum_encoder.module.universal.queries'
    }
    model = build('mini/video_text_retrieval')
    load(model, lacking, policy)
    assert not model.tasks['retrieval'].contrastive.momentum_encoder.has_weights
    assert model.tasks['retrieval'].contrastive.momentum_head.has_weights


def test_an_initialiser_does_not_take_an_empty_momentum_encoder_for_a_loaded_one(pretrained: dict) -> None:
    model = build('mini/video_text_retrieval')
    MPlug2Weights(pretrained, parts=['vision_encoder', 'text_encoder', 'universal'])(model)
    assert not model.tasks['retrieval'].contrastive.momentum_encoder.has_weights


def test_an_initialiser_takes_the_heads_that_the_file_has(pretrained: dict) -> None:
    model = build('mini/video_text_retrieval')
    lacking = {key: value for key, value in pretrained.items() if not key.startswith('tasks.retrieval.matching.')}
    own = {key: value.clone() for key, value in model.state_dict().items()}
    MPlug2Weights(lacking, absent=['tasks.*'])(model)
    now = model.state_dict()
    assert model.tasks['retrieval'].contrastive.momentum_encoder.has_weights
    for key in [key for key in now if key.startswith(('network.', 'tasks.retrieval.head.', 'tasks.retrieval.matching.'))]:
        assert torch.equal(now[key], lacking.get(key, own[key])), key
    with pytest.raises(CheckpointError, match=r'2 missing from the file, such as tasks\.retrieval\.matching'):
        MPlug2Weights(lacking)(model)


def test_positions_of_another_size_are_resampled(pretrained: dict) -> None:
    cfg = load_config('mini/image_captioning', {'model.network.vision_encoder.image_size': 64}).model
    model = MODELS.build(resolve(cfg, MODELS))
    load(model, pretrained, Policy.START)
    key = 'network.vision_encoder.position_embedding'
    expected = resize_positions(pretrained[key], (8, 8), 'bilinear')
    assert torch.equal(model.state_dict()[key], expected)
    with pytest.raises(CheckpointError, match='of another shape'):  # a resumed run has the sizes it had
        load(model, model.state_dict() | {key: pretrained[key]}, Policy.RESUME)


@pytest.mark.slow
def test_a_run_that_loads_a_checkpoint_needs_no_other_file(mini_home: Path, tmp_path: Path) -> None:
    """The config's own start may be gone, and a work directory means its best checkpoint."""
    cut = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'model.init_cfg.source=gone.pth']
    first = ['train', 'mini/image_qa']
    cut.append('train_dataloader.num_workers=0')
    assert mplug2(mini_home, *first, '--work-dir', tmp_path / 'a', '--cfg-options', *cut, 'load_from=mplug2_tiny') == 0
    assert mplug2(mini_home, *first, '--work-dir', tmp_path / 'b', '--cfg-options', *cut, f'load_from={tmp_path / "a"}') == 0
    assert f'loaded {tmp_path / "a"}/best_' in next((tmp_path / 'b').glob('*/*.log')).read_text()
    assert mplug2(mini_home, *first, '--work-dir', tmp_path / 'b', '--resume', '--cfg-options', *cut) == 0


def test_a_network_is_loaded_whole(pretrained: dict) -> None:
    shapes = {key: value.shape for key, value in pretrained.items()}
    model = build('mini/video_qa')
    for policy in (Policy.START, Policy.TEST):
        less = {key: shape for key, shape in shapes.items() if not key.startswith('network.fusion.')}
        with pytest.raises(CheckpointError, match=r'missing from the file, such as network\.fusion'):
            keys_to_load(model, less, 'a file', policy)
        with pytest.raises(CheckpointError, match=r'1 unknown to the model, such as network\.fusion\.layers\.9\.bias'):
            keys_to_load(model, shapes | {'network.fusion.layers.9.bias': torch.Size([1])}, 'a file', policy)
    with pytest.raises(CheckpointError, match='unknown to the model'):  # a resumed run is the same run
        keys_to_load(model, shapes, 'a file', Policy.RESUME)


def test_zero_shot_classification_reads_the_heads_of_retrieval(
    pretrained: dict, mini_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mini_home)
    model = build('mini/image_classification_zeroshot')
    load(model, pretrained, Policy.TEST)
    heads = [key for key in model.state_dict() if key.startswith('tasks.retrieval.head.')]
    assert heads
    assert all(torch.equal(model.state_dict()[key], pretrained[key]) for key in heads)


@pytest.mark.parametrize('policy', list(Policy))
def test_weights_that_are_no_numbers_are_refused(policy: Policy) -> None:
    layer = torch.nn.Linear(2, 2)
    before = layer.weight.detach().clone()
    state = layer.state_dict() | {'bias': torch.tensor([1.0, float('nan')])}
    with pytest.raises(CheckpointError, match=r'1 of 2 weights of run\.pth hold numbers that are not finite \(bias\)'):
        load(layer, dict(state_dict=state), policy, name='run.pth')
    assert torch.equal(layer.weight, before)
