"""Model folders: there and back, plain data, and nothing executed by loading."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from mplug2.apis.sources import from_config
from mplug2.checkpoints import CheckpointError
from mplug2.config.load import load_config
from mplug2.model import MPlug2
from mplug2.modules.momentum import momentum_encoders_of
from mplug2.pretrained import SHIPPED, ModelFolderError, describe
from mplug2.registry import MODELS, NotRegistered, resolve
from tests.runs import ROOT

NAME = 'mplug2_tiny'


@pytest.fixture(scope='module')
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return MPlug2.from_pretrained(NAME).save_pretrained(tmp_path_factory.mktemp('models') / 'mine')


def edited(folder: Path, target: Path, change: tuple[str, str]) -> Path:
    shutil.copytree(folder, target)
    config = target / 'config.json'
    text = config.read_text()
    assert change[0] in text
    config.write_text(text.replace(*change, 1))
    return target


def test_there_and_back(folder: Path) -> None:
    assert {file.name for file in folder.iterdir()} == {'config.json', 'model.safetensors', 'README.md'}
    first, second = MPlug2.from_pretrained(NAME), MPlug2.from_pretrained(folder)
    assert not second.training
    assert first.state_dict().keys() == second.state_dict().keys()
    for key, value in second.state_dict().items():
        assert_close(value, first.state_dict()[key], rtol=0, atol=0)
    frames = torch.randn(2, 4, 3, 40, 40)
    assert first.generate(frames, num_beams=2) == second.generate(frames, num_beams=2)
    assert describe(first) == describe(second)


def test_the_shipped_config_is_that_of_the_config_file() -> None:
    """After a change of `mini/pretrain` or of a module's arguments: write ``describe(from_config(...))`` there as JSON."""
    stored = json.loads((SHIPPED / f'{NAME}.json').read_text())
    current = describe(from_config('mini/pretrain', NAME))
    assert stored | {'version': ''} == current | {'version': ''}


def test_training_state_stays_behind(tmp_path: Path) -> None:
    cfg = load_config('mini/video_text_retrieval')
    model = MODELS.build(resolve(cfg.model, MODELS))
    model.init_weights()
    loaded = MPlug2.from_pretrained(model.save_pretrained(tmp_path / 'retrieval'))
    assert not [key for key in loaded.state_dict() if 'momentum' in key or 'queue' in key]
    assert not list(momentum_encoders_of(loaded))


def test_a_vocabulary_travels_along(tmp_path: Path) -> None:
    own = tmp_path / 'words.txt'
    own.write_text((ROOT / 'mplug2/text/vocabs/mini.txt').read_text())
    model = MPlug2.from_pretrained(NAME)
    model.config['tokenizer'] = {**model.config['tokenizer'], 'vocab': str(own)}
    saved = model.save_pretrained(tmp_path / 'model')
    own.unlink()
    moved = saved.rename(tmp_path / 'moved')
    assert json.loads((moved / 'config.json').read_text())['model']['tokenizer']['vocab'] == 'vocab.txt'
    assert MPlug2.from_pretrained(moved).tokenizers['text'].vocab_size == 1000


def test_a_card_that_was_written_stays(tmp_path: Path) -> None:
    (tmp_path / 'README.md').write_text('mine')
    MPlug2.from_pretrained(NAME).save_pretrained(tmp_path)
    assert (tmp_path / 'README.md').read_text() == 'mine'


@pytest.mark.parametrize('name', ['os.system', 'antigravity', 'mplug2.model.MPlug2', 'subprocess.run'])
def test_loading_imports_nothing_by_name(folder: Path, tmp_path: Path, name: str) -> None:
    bad = edited(folder, tmp_path / 'bad', ('"LocalTemporal"', json.dumps(name)))
    with pytest.raises(NotRegistered, match=f'{name!r} is not registered'):
        MPlug2.from_pretrained(bad)


def test_an_init_cfg_is_refused(folder: Path, tmp_path: Path) -> None:
    change = ('"type": "LocalTemporal"', '"type": "LocalTemporal", "init_cfg": {"type": "Pretrained", "checkpoint": "x.pth"}')
    with pytest.raises(ModelFolderError, match='init_cfg'):
        MPlug2.from_pretrained(edited(folder, tmp_path / 'bad', change))


def test_what_does_not_fit_is_said(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r'missing from the file, such as network\.vision_encoder\.blocks\.4'):
        MPlug2.from_pretrained(edited(folder, tmp_path / 'deeper', ('"num_layers": 4', '"num_layers": 5')))
    with pytest.raises(ModelFolderError, match=r'is no model folder .* shipped model'):
        MPlug2.from_pretrained(tmp_path / 'none')
    (tmp_path / 'deeper/config.json').write_text('{"model": 1')
    with pytest.raises(ModelFolderError, match='is no config of a model folder'):
        MPlug2.from_pretrained(tmp_path / 'deeper')


def test_only_data_is_stored(tmp_path: Path) -> None:
    model = MPlug2.from_pretrained(NAME)
    model.config['tokenizer'] = model.tokenizers['text']
    with pytest.raises(ModelFolderError, match=r'model\.tokenizer is a BertTokenizer'):
        model.save_pretrained(tmp_path / 'model')
    assert not (tmp_path / 'model').exists()
