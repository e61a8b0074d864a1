"""What is published of a checkpoint: what a prediction reads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from mplug2.checkpoints import CheckpointError, Policy, load, read_state, save_checkpoint
from mplug2.checkpoints.sharded import save_sharded
from mplug2.objectives import HardNegativeMatching, InBatchContrast, MomentumContrast
from mplug2.tasks import Retrieval
from tests.tasks.models import small_model, some_batch

MATCHING = dict(type=HardNegativeMatching)
NAME = 'tools/weights/publish_model'


@pytest.fixture
def model() -> torch.nn.Module:
    return small_model(
        dict(
            type=Retrieval,
            media='image',
            projection_dim=16,
            contrastive=dict(type=MomentumContrast, queue_size=6),
            matching=MATCHING,
        )
    )


def test_a_published_file_predicts_what_the_model_does(
    script, model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path, out = tmp_path / 'iter_1.pth', tmp_path / 'published.safetensors'
    save_checkpoint(dict(meta=dict(iter=1), state_dict=model.state_dict(), optimizer=dict(state={})), path)
    monkeypatch.setattr('sys.argv', ['x', str(path), str(out)])
    script(NAME).main()
    state = read_state(out)
    assert set(model.state_dict()) - set(state) == {key for key in model.state_dict() if '.momentum_' in key or 'queue' in key}
    other = small_model(
        dict(
            type=Retrieval,
            media='image',
            projection_dim=16,
            contrastive=dict(type=InBatchContrast),
            matching=MATCHING,
        ),
        seed=5,
    ).eval()
    load(other, state, Policy.TEST)
    with torch.no_grad():
        ours, theirs = (one(some_batch(3), mode='predict') for one in (model.eval(), other))
    assert [sample.pred_match for sample in ours] == [sample.pred_match for sample in theirs]


def test_a_sharded_checkpoint_becomes_one_file(
    script, model: torch.nn.Module, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state, path, out = model.state_dict(), tmp_path / 'iter_1.shards', tmp_path / 'published.safetensors'
    save_sharded(dict(meta=dict(iter=1)), state, {}, {0: dict(exp_avg=torch.ones(3))}, path)
    assert read_state(path).keys() == state.keys()
    monkeypatch.setattr('sys.argv', ['x', str(path), str(out)])
    module = script(NAME)
    module.main()
    published, expected = read_state(out), module.publish(dict(state_dict=state))
    assert published.keys() == expected.keys()
    assert all(torch.equal(value, published[key]) for key, value in expected.items())


def test_half_precision_and_the_average(script, model: torch.nn.Module) -> None:
    module, state = script(NAME), model.state_dict()
    key = next(iter(state))
    published = module.publish(dict(state_dict=state, average={key: state[key] + 1}), average=True, half=True)
    assert {value.dtype for value in published.values() if value.is_floating_point()} == {torch.float16}
    torch.testing.assert_close(published[key].float(), state[key] + 1, atol=1e-3, rtol=1e-3)
    with pytest.raises(CheckpointError, match='has no average'):
        module.publish(dict(state_dict=state), average=True)
