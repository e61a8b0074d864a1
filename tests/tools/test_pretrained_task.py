"""A checkpoint of another run's names becomes one that a config tests."""

from __future__ import annotations

import re
import runpy
import sys
from pathlib import Path

import pytest
import torch

from mplug2.config import load_config
from mplug2.engine import CheckpointError, load_checkpoint, save_checkpoint
from mplug2.registry import MODELS, resolve

SCRIPT = Path(__file__).parents[2] / 'tools' / 'model_converters' / 'pretrained_task.py'
CONFIG = 'mini/video_text_retrieval'


def convert(monkeypatch: pytest.MonkeyPatch, *arguments: str, config: str = CONFIG) -> None:
    monkeypatch.setattr(sys, 'argv', [str(SCRIPT), config, *arguments])
    runpy.run_path(str(SCRIPT), run_name='__main__')


def test_renamed_heads_are_found_and_missing_ones_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(1)
    model = MODELS.build(resolve(load_config(CONFIG).model, MODELS))
    model.init_weights()
    kept = {
        key.replace('tasks.retrieval.', 'tasks.contrastive.'): value
        for key, value in model.state_dict().items()
        if 'twin' not in key and 'queue' not in key
    }
    source, out = str(tmp_path / 'pretrained.pth'), tmp_path / 'retrieval.pth'
    save_checkpoint(dict(state_dict=kept), source)
    new = ['--new', 'tasks.retrieval.twin*', 'tasks.retrieval.*_queue*']
    with pytest.raises(CheckpointError, match=r'tasks\.'):
        convert(monkeypatch, source, str(out), *new)
    assert not out.exists()
    convert(monkeypatch, source, str(out), '--rename', 'tasks.contrastive.=tasks.retrieval.', *new)
    written = load_checkpoint(out)['state_dict']
    assert set(written) == set(model.state_dict())
    for key, value in kept.items():
        torch.testing.assert_close(written[key.replace('tasks.contrastive.', 'tasks.retrieval.')], value)


def test_what_pre_training_calls_its_head_is_what_the_docs_rename(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(mini_home)
    pretrained = MODELS.build(resolve(load_config('mini/pretrain').model, MODELS))
    pretrained.init_weights()
    source, out = str(tmp_path / 'pretrained.pth'), tmp_path / 'zeroshot.pth'
    save_checkpoint(dict(state_dict=pretrained.state_dict()), source)
    page = (SCRIPT.parents[2] / 'docs/tasks/image_classification.md').read_text()
    (rename,) = set(re.findall(r'--rename (tasks\.\w+\.=tasks\.classification\.)`', page))
    convert(monkeypatch, source, str(out), '--rename', rename, config='mini/image_classification_zeroshot')
    written = load_checkpoint(out)['state_dict']
    heads = {key for key in written if key.startswith('tasks.classification.head.')}
    assert heads
    for key in heads:
        torch.testing.assert_close(written[key], pretrained.state_dict()[key.replace('classification', 'retrieval')])
