"""The weights that the package has: small, half precision, a start for every config of the mini benchmark, and able."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from mplug2 import registry
from mplug2.checkpoints import find_weights, read_state
from mplug2.checkpoints.load import Policy, keys_to_load
from mplug2.config.load import load_config
from mplug2.pretrained import shipped_names
from mplug2.registry import resolve
from tests.runs import ROOT, mplug2

NAME = 'mplug2_tiny'
# No network of ours alone, what the weights come from, and networks of other modules.
OTHERS = {'detection', 'detection_small', 'pretrain', 'pretrain_no_instruction', 'image_qa_joint', 'image_qa_single'}
OTHERS |= {f'{task}_paper' for task in ('pretrain', 'video_captioning', 'video_qa', 'video_text_retrieval')}
CONFIGS = sorted(
    path.stem for path in (ROOT / 'configs/mini').glob('*.py') if path.stem not in OTHERS and 'temporal' not in path.stem
)


def test_they_are_small_and_hold_what_a_prediction_reads() -> None:
    assert sum(find_weights(name).stat().st_size for name in shipped_names()) <= 12e6
    for name in shipped_names():
        state = read_state(name)
        assert {value.dtype for value in state.values() if value.is_floating_point()} == {torch.float16}
        assert not [key for key in state if 'momentum_encoder' in key or 'queue' in key]
    assert {key.split('.')[0] for key in read_state(NAME)} == {'network', 'tasks'}


@pytest.mark.parametrize('name', CONFIGS)
def test_every_config_starts_from_them(name: str, mini_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(mini_home)  # zero-shot classification reads the names of the classes
    model = load_config(f'mini/{name}').model | dict(init_cfg=None)
    built = registry.MODELS.build(resolve(model, registry.MODELS))
    shapes = {key: value.shape for key, value in read_state(NAME).items()}
    loaded = keys_to_load(built, shapes, NAME, Policy.START)
    network = [key for key in built.state_dict() if key.startswith('network.')]
    assert set(network) <= set(loaded)


def test_they_find_clips_without_fine_tuning(mini_home: Path, tmp_path: Path) -> None:
    out = tmp_path / 'metrics.json'
    assert mplug2(mini_home, 'test', 'mini/video_text_retrieval', NAME, '--work-dir', str(tmp_path), '--out', str(out)) == 0
    found = json.loads(out.read_text())
    assert found['text_to_video_R@1'] >= 40, 'of ten clips: chance is 10'
