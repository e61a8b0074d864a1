"""Work directories as model folders with cards, and the hub, of which a folder takes the place."""

from __future__ import annotations

import json
import runpy
import shutil
from fnmatch import fnmatch
from pathlib import Path

import pytest
import yaml

from mplug2 import Inferencer, list_models
from mplug2.apis.publish import data_of, push
from mplug2.cli import main
from mplug2.config.load import load_config
from mplug2.model import MPlug2
from mplug2.pretrained import SHIPPED, ModelFolderError, zoo
from tests.runs import ROOT, mplug2


class Hub:
    """A hub in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def create_repo(self, name: str, private: bool, exist_ok: bool) -> None:
        (self.folder / name).mkdir(parents=True, exist_ok=exist_ok)

    def upload_folder(self, repo_id: str, folder_path: str, allow_patterns: list[str]) -> str:
        for file in Path(folder_path).iterdir():
            if any(fnmatch(file.name, pattern) for pattern in allow_patterns):
                shutil.copy(file, self.folder / repo_id)
        return f'https://hub/{repo_id}'

    def snapshot_download(self, name: str, revision: str | None, allow_patterns: list[str]) -> str:
        folder = self.folder / name / (revision or '')
        if not folder.exists():
            raise OSError(f'404: {name}')
        return str(folder)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    hub = Hub(tmp_path / 'hub')
    monkeypatch.setattr('huggingface_hub.HfApi', lambda: hub)
    monkeypatch.setattr('huggingface_hub.snapshot_download', hub.snapshot_download)
    return hub


@pytest.mark.slow
def test_a_work_directory_is_published(mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    work_dir, folder = tmp_path / 'run', tmp_path / 'mine'
    options = ['train_cfg.max_iters=1', 'train_cfg.val_interval=1', 'train_dataloader.num_workers=0', 'load_from=mplug2_tiny']
    options += ['train_dataloader.batch_size=2', 'val_dataloader.num_workers=0', '+val_dataloader.dataset.indices=4']
    status = mplug2(mini_home, 'train', 'mini/video_captioning', '--work-dir', work_dir, '--cfg-options', *options)
    assert status == 0
    monkeypatch.chdir(mini_home)
    assert main(['publish', str(work_dir), str(folder), '--measured-by', 'A. Person']) == 0
    card = (folder / 'README.md').read_text()
    best = json.loads((work_dir / 'best.json').read_text())
    for words in ('(Captioning)', 'Measured by A. Person', f'| {best["metric"]} | {best["score"]:.4g} |'):
        assert words in card
    assert 'library_name: mplug2' in card
    assert 'MSRVTT' in card.split('trained on:')[1].splitlines()[0]
    assert 'trained by: `video_captioning`' in card
    assert '; seed 0' in card
    assert 'video: LoadVideo(num_frames=4), Resize(size=40)' in card
    clip = min(Path('data/mini/msrvtt/videos').glob('*.mp4'))
    assert Inferencer(folder).caption(clip).text == Inferencer(work_dir).caption(clip).text


def test_the_hub_gives_back_what_it_got(hub: Hub, tmp_path: Path) -> None:
    folder = MPlug2.from_pretrained('mplug2_tiny').save_pretrained(tmp_path / 'mine')
    (folder / 'notes.py').write_text('print("stays here")')
    assert push(folder, 'someone/mine') == 'https://hub/someone/mine'
    assert sorted(file.name for file in (hub.folder / 'someone/mine').iterdir()) == [
        'README.md',
        'config.json',
        'model.safetensors',
    ]
    assert Inferencer('someone/mine').methods == Inferencer('mplug2_tiny').methods
    shutil.copytree(folder, hub.folder / 'someone/mine/v1')
    assert MPlug2.from_pretrained('someone/mine@v1').tasks.keys() == MPlug2.from_pretrained(folder).tasks.keys()
    with pytest.raises(ModelFolderError, match=r'no model someone/other: .* nor on the hub \(404'):
        Inferencer('someone/other')
    with pytest.raises(ModelFolderError, match='is no model folder'):
        push(tmp_path / 'none', 'someone/mine')


def test_the_zoo_lists_what_the_package_has() -> None:
    assert list_models() == [model['name'] for model in zoo()]
    assert {model['name'] for model in zoo() if model['where'] == 'package'} == {
        path.stem for path in SHIPPED.glob('*.safetensors')
    }
    for model in zoo():
        assert {'config', 'data', 'training', 'measured_by', 'commit', 'results'} <= model.keys()
        load_config(model['config'])
        assert all({'command', 'metric', 'value'} == result.keys() for result in model['results'])


def test_mim_lists_the_zoo() -> None:
    script = runpy.run_path(str(ROOT / 'tools/docs/model_index.py'))
    assert script['INDEX'].read_text() == script['model_index']()  # else run the script
    index = yaml.safe_load(script['INDEX'].read_text())
    assert [model['Name'] for model in index['Models']] == list_models()
    assert all((ROOT / model['Config']).is_file() for model in index['Models'])


def test_data_of_a_mixture() -> None:
    named = data_of(load_config('mini/pretrain').train_dataloader)
    assert len(named) > 2
    assert len(set(named)) == len(named)
