"""``mplug2 convert``."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.testing import assert_close

from mplug2.checkpoints import read_state, write_state
from mplug2.cli import main
from tests import golden


def test_a_published_file_and_back(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    state = golden.published(golden.numbers('modules'))
    published, ours, back = (str(tmp_path / f'{name}.safetensors') for name in ('published', 'ours', 'back'))
    write_state(state, published)
    assert main(['convert', published, ours, '--fusion-layers', str(golden.FUSION_LAYERS)]) == 0
    printed = capsys.readouterr().out
    assert 'visual_encoder.visual.transformer.resblocks.*  vision_encoder.blocks.*' in printed
    assert all(key.startswith('network.') for key in read_state(ours))
    assert main(['convert', ours, back, '--to', 'release']) == 0
    again = read_state(back)
    for key, value in state.items():
        assert_close(again[key], value, rtol=0, atol=0)


def test_parts_in_other_projects_formats(tmp_path: Path) -> None:
    published, out = str(tmp_path / 'published.safetensors'), str(tmp_path / 'out.safetensors')
    write_state(golden.published(golden.numbers('modules')), published)
    assert main(['convert', published, out, '--fusion-layers', '2', '--to', 'bert']) == 0
    assert 'encoder.layer.4.attention.self.query.weight' in read_state(out)
    assert main(['convert', published, out, '--fusion-layers', '2', '--to', 'clip-hf']) == 0
    assert read_state(out)['vision_model.embeddings.patch_embedding.weight'].shape == (128, 3, 8, 8)


def test_what_cannot_be_converted_is_said(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    published, out = str(tmp_path / 'published.safetensors'), str(tmp_path / 'out.safetensors')
    write_state(golden.published(golden.numbers('modules')), published)
    assert main(['convert', published, out]) == 1
    assert 'give fusion_layers' in capsys.readouterr().err.splitlines()[-1]
    assert main(['convert', published, out, '--format', 'bert']) == 1
    assert 'none of the formats bert' in capsys.readouterr().err.splitlines()[-1]
    assert main(['convert', published, out, '--fusion-layers', '2', '--to', 'dino']) == 1
    assert 'cannot be written as dino' in capsys.readouterr().err.splitlines()[-1]


def test_formats_are_listed_and_a_wrong_one_is_named(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit, match='0'):
        main(['convert', '--list'])
    assert {line.split()[0] for line in capsys.readouterr().out.splitlines()} >= {'release', 'clip-hf', 'bert', 'dino'}
    write_state(golden.published(golden.numbers('modules')), tmp_path / 'a.safetensors')
    assert main(['convert', str(tmp_path / 'a.safetensors'), str(tmp_path / 'b.safetensors'), '--to', 'bart']) == 1
    message = capsys.readouterr().err.splitlines()[-1]
    assert "'bart' is no weight format: there are mplug2, " in message
    assert 'clip-model-hf' in message
