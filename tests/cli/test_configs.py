"""``mplug2 config`` and ``mplug2 configs``."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplug2.cli import main
from mplug2.cli.configs import names, summary
from mplug2.config.load import load_config


@pytest.mark.slow
@pytest.mark.parametrize('name', ['mini/video_captioning', 'visual_grounding/mplug2_large_refcoco', 'pretraining/mplug2_large'])
def test_the_printed_recipe_is_the_config(name: str, capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert main(['config', name, '--cfg-options', 'optim_wrapper.optimizer.lr=0.125']) == 0
    saved = tmp_path / 'saved.py'
    saved.write_text(capsys.readouterr().out)
    again, cfg = load_config(saved).to_dict(), load_config(name, {'optim_wrapper.optimizer.lr': 0.125}).to_dict()
    assert {'model', 'train_dataloader', 'optim_wrapper', 'default_hooks', 'auto_scale_lr'} < set(again)
    assert not {'read', 'words', 'load', 'layer', 'samples'} & set(again)
    assert again == {key: value for key, value in cfg.items() if key in again}


def test_the_list_says_what_a_config_trains(capsys: pytest.CaptureFixture) -> None:
    assert summary('text_classification/mplug2_large_rte')[1:5] == ('TextClassification', 'GLUE', 'large', '32 x 1 = 32')
    assert summary('pretraining/mplug2_large')[2:5] == ('ShardedPairs and 4 more', 'large', '32 x 16 = 512')
    assert summary('video_qa/mplug2_base_msvd_zeroshot')[4] == 'test only'
    assert [summary(name)[3] for name in ('own/image_qa', 'own/detection', 'mini/video_qa')] == ['base', 'base', 'tiny']
    assert main(['configs', 'mini/video_c*']) == 0
    header, *rows = capsys.readouterr().out.splitlines()
    assert 'mini benchmark' in header
    assert any(row.startswith('mini/video_captioning ') and 'CIDEr-D' in row for row in rows)
    assert main(['configs', 'no such']) == 1


def test_bases_are_not_listed() -> None:
    assert not [name for name in names('*') if name.startswith('_')]
    assert names('large') == [name for name in names('*') if 'large' in name]
