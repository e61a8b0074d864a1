"""``mplug2 modules``: counts against hand calculation and the published sizes."""

from __future__ import annotations

from pathlib import Path

import pytest
from mmengine.config import Config

from mplug2.cli import main
from mplug2.cli.modules import describe, frames_of, task_flops
from mplug2.config.load import config_folder, load_config
from mplug2.modules import DualVisionEncoder, UniversalLayers
from mplug2.networks import MPlug2Network
from mplug2.tasks import Captioning, QuestionAnswering, TaskSpec

CONFIG = """
from mplug2.model import MPlug2
from mplug2.modules import DualVisionEncoder, TextDecoder, UniversalLayers
from mplug2.tasks import Captioning

layer = dict(width=32, num_heads=4, ffn_dim=64)
model = dict(
    type=MPlug2,
    network=dict(
        vision_encoder=dict(type=DualVisionEncoder, image_size=32, patch_size=8, num_layers=2, **layer),
        universal=dict(type=UniversalLayers, **layer),
        decoder=dict(type=TextDecoder, vocab_size=50, num_layers=2, **layer),
    ),
    tasks=dict(caption=dict(type=Captioning, condition='vision')),
)
"""


def test_flops_of_a_vision_encoder_equal_the_formula() -> None:
    width, layers, tokens, patch = 32, 3, 1 + 16, 8
    network = MPlug2Network(vision_encoder=DualVisionEncoder(32, patch, width, layers, 4))
    spec = TaskSpec.of('image', 'vision')
    flops = task_flops(network, spec, 1, None, 1, 1)
    projections = 2 * (tokens - 1) * 3 * patch**2 * width
    # qkv and output 4 C^2, feed-forward 8 C^2, scores and sums 2 N C a token; a multiplication and an addition are two.
    block = tokens * (2 * 12 * width**2 + 2 * 2 * tokens * width)
    assert flops == {'vision_encoder': projections + layers * block}


@pytest.mark.slow
def test_base_size_and_the_rows_of_table_2() -> None:
    model = Config.fromfile(config_folder() / '_base_' / 'models' / 'mplug2_base.py').model
    model.tasks = dict(caption=dict(type=Captioning, condition='vision'), qa=dict(type=QuestionAnswering, media='image'))
    lines = describe(model, frames=4).splitlines()
    total = next(line.split() for line in lines if line.startswith('total'))
    assert int(total[1].replace(',', '')) / 1e6 == pytest.approx(381, rel=0.005)
    vision = next(line.split() for line in lines if line.startswith('vision_encoder'))
    assert float(vision[-2].replace(',', '')) == pytest.approx(4 * float(vision[-1]), rel=1e-3)  # four frames, one frame
    assert next(line.split() for line in lines if line.startswith('text_encoder'))[-2] == '-'
    assert next(line.split() for line in lines if line.startswith('caption')) == ['caption', *'xxxx']
    assert next(line.split() for line in lines if line.startswith('qa')) == ['qa', *'xxxxxxx']


def test_a_config_s_modules_are_listed(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = tmp_path / 'caption.py'
    config.write_text(CONFIG)
    assert main(['modules', str(config), '--frames', '2', '--cfg-options', 'model.network.universal.num_queries=5']) == 0
    rows = {line.split()[0]: line.split() for line in capsys.readouterr().out.splitlines() if line}
    expected = sum(p.numel() for p in UniversalLayers(width=32, num_heads=4, ffn_dim=64, num_queries=5).parameters())
    assert rows['universal'][1:3] == ['UniversalLayers', f'{expected:,}']


def test_a_model_of_another_library_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    config = tmp_path / 'other.py'
    config.write_text('from torch.nn import Linear\nmodel = dict(type=Linear, in_features=2, out_features=3)\n')
    assert main(['modules', str(config)]) == 1
    assert "the config's model is a Linear" in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(
    ('name', 'frames'),
    [
        ('video_captioning/mplug2_base_msrvtt', 16),
        ('video_text_retrieval/mplug2_base_msrvtt', 12),
        ('pretraining/mplug2_base', 4),
        ('image_captioning/mplug2_base_coco', 8),  # no clips
    ],
)
def test_frames_are_those_of_the_config(name: str, frames: int) -> None:
    assert frames_of(load_config(name)) == frames
