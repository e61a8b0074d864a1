"""A data set, a transform and a module of somebody else's package: everything asks them, and nothing of ours lists them."""

from __future__ import annotations

import runpy
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mplug2.config.load import load_config
from mplug2.planning.workload import works_of
from mplug2.registry import DATASETS, MODELS, TRANSFORMS
from mplug2.text import instructions
from tests.runs import ROOT, mplug2

CONFIG = """
from mmengine.config import read_base

from mplug2.datasets.transforms import LoadVideo, PackInputs, Resize, TokenizeTarget, TokenizeText

with read_base():
    from mplug2.configs.mini.video_captioning import *

custom_imports = dict(imports=['plug_in'])
model['network']['vision_encoder']['temporal'] = dict(type='Bottleneck', inner=4096)
for loader in (train_dataloader, val_dataloader, test_dataloader):
    read = [dict(type=LoadVideo, num_frames=3), dict(type=Resize, size=20), dict(type='Enlarge', times=2, factor=2)]
    loader['dataset'] = dict(
        type='TabbedClips',
        ann_file='tabbed.txt',
        data_prefix='clips',
        test_mode=loader is not train_dataloader,
        pipeline=[*read, dict(type=TokenizeText, tokenizer=tokenizer, instruction='telling', max_words=3), target, pack],
    )
del loader
"""


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A config that names the parts of ``plug_in.py``."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (tmp_path / 'telling.py').write_text(CONFIG)
    yield tmp_path / 'telling.py'
    for registry, name in ((DATASETS, 'TabbedClips'), (TRANSFORMS, 'Enlarge'), (MODELS, 'Bottleneck')):
        registry.module_dict.pop(name, None)
    sys.modules.pop('plug_in', None)
    instructions._INSTRUCTIONS.pop(('telling', 'video'), None)


def test_a_smoke_test_shrinks_its_parts(config: Path, mini_home: Path, tmp_path: Path) -> None:
    assert mplug2(mini_home, 'train', config, '--smoke-test', mini_home / 'data/mini', '--work-dir', tmp_path / 'work') == 0
    assert (tmp_path / 'work' / 'iter_1.pth').is_file()
    assert set(sys.modules['plug_in'].Bottleneck.sizes) == {4}


def test_a_plan_asks_its_transform(config: Path) -> None:
    (work,) = works_of(load_config(config))
    assert (work.media, work.frames, work.side) == ('video', 6, 40)
    assert work.text == 1 + 7 + 3  # [CLS], the instruction, words


def test_doctor_asks_its_data_set(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    assert mplug2(tmp_path, 'doctor', config) == 1
    assert f'  missing  {config}: install the reader of tabbed files' in capsys.readouterr().out.splitlines()


def test_check_compares_with_what_it_publishes(
    config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    Path('tabbed.txt').write_text('a\tone\nb\ttwo\n')
    monkeypatch.setattr('sys.argv', ['check.py', str(config)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(ROOT / 'tools/data/check.py'), run_name='__main__')
    assert ended.value.code == 1
    printed = capsys.readouterr().out
    assert 'train  TabbedClips: 2 samples of 2 files, 2 captions; 2 files are missing' in printed
    assert 'tabbed: 2 samples, but 100 are published; are the files whole?' in printed


def test_without_a_stand_in_the_error_says_which_method_to_add(config: Path, mini_home: Path, monkeypatch, capsys) -> None:
    load_config(config)
    monkeypatch.delattr(sys.modules['plug_in'].TabbedClips, 'stand_in')
    assert mplug2(mini_home, 'train', config, '--smoke-test', mini_home / 'data/mini') == 1
    assert (
        'no stand-in for the data set TabbedClips: give the class a classmethod stand_in(mini, cfg)' in capsys.readouterr().err
    )
