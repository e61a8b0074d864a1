"""Table 15: networks with another temporal module start from a pre-training that had local temporal modelling."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
import torch

from mplug2 import registry
from mplug2.checkpoints import read_state
from mplug2.config.load import load_config
from mplug2.planning.trace import build
from mplug2.registry import resolve
from tests.runs import ROOT

ARMS = sorted(
    str(path.relative_to(ROOT / 'configs').with_suffix(''))
    for path in (ROOT / 'configs').glob('*/*_temporal_*.py')
    if load_config(path).model.get('init_cfg')
)


def test_all_of_them_are_here() -> None:
    assert len(ARMS) == 8


@pytest.mark.parametrize('name', ARMS)
def test_only_the_temporal_modules_are_new(name: str) -> None:
    variant, full = load_config(name).model, load_config(name.split('_temporal_')[0]).model
    missing = set(build(variant).state_dict()) - set(build(full).state_dict())
    assert missing
    assert all('.temporal_' in key and any(fnmatchcase(key, one) for one in variant.init_cfg.absent) for key in missing)


@pytest.mark.parametrize('variant', ['attention', 'convolution'])
def test_it_is_at_first_the_network_of_the_images(variant: str) -> None:
    model = registry.MODELS.build(resolve(load_config(f'mini/video_qa_temporal_{variant}').model, registry.MODELS))
    model.init_weights()
    shipped, own = read_state('mplug2_tiny'), model.state_dict()
    loaded = [key for key in shipped if key.startswith('network.vision_encoder.') and '.temporal_' not in key]
    assert loaded
    assert all(torch.equal(own[key], shipped[key].float()) for key in loaded if key in own)
    assert sum(key in own for key in loaded) > 50
    temporal = model.network.vision_encoder.blocks[0].temporal_before_attention
    assert not temporal(torch.randn(1, 4, 25, 128)).any()
