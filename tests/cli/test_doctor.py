"""``mplug2 doctor``: what can run here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from mplug2 import registry
from mplug2.cli import doctor, main
from mplug2.config.load import load_config
from mplug2.config.needs import needs
from mplug2.utils import installed


def report(capsys: pytest.CaptureFixture, status: int) -> str:
    assert main(['doctor']) == status
    return capsys.readouterr().out


def test_where_everything_is_there(capsys: pytest.CaptureFixture) -> None:
    lines = report(capsys, 0).splitlines()
    for what in (*doctor.example_configs(), 'mini benchmark (and all tasks on it)'):
        assert f'  ready    {what}' in lines
    assert 'plug-ins: none installed' in lines
    assert any(line.startswith('  torch ') for line in lines)


def test_what_is_missing_and_how_to_get_it(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    find = installed.find_spec
    monkeypatch.setattr(installed, 'find_spec', lambda name: None if name == 'av' else find(name))
    lines = report(capsys, 1).splitlines()
    video = next(line for line in lines if 'video captioning' in line)
    assert video.startswith('  missing  ')
    assert video.endswith(': install av')
    assert next(line for line in lines if 'image captioning' in line).startswith('  ready ')


def test_what_a_config_needs(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    find = installed.find_spec
    monkeypatch.setattr(installed, 'find_spec', lambda name: None if name in ('mmdet', 'decord') else find(name))
    assert main(['doctor', 'mini/detection', 'mini/image_qa']) == 1
    lines = capsys.readouterr().out.splitlines()
    assert '  missing  mini/detection: install mmdet without its dependencies' in lines
    assert '  ready    mini/image_qa' in lines
    assert not [line for line in lines if 'video captioning' in line]


def test_sources_say_what_classes_say() -> None:
    for name in ('image_classification/mplug2_base_cars', 'video_classification/mplug2_base_kinetics400', 'mini/summarization'):
        declared, imported = (needs(load_config(name, imports=imports), imports) for imports in (False, True))
        assert imported
        assert {what: declared[what] for what in declared if what not in ('mplug2', 'torch', 'mmengine')} == imported


def test_a_reader_is_needed_where_the_config_chooses_it() -> None:
    name = 'video_captioning/mplug2_base_msrvtt'
    cfg = load_config(name)
    for step in cfg.train_dataloader.dataset.pipeline:
        if 'num_frames' in step:
            step.backend = 'torchcodec'
    assert needs(cfg)['torchcodec'] == 'torchcodec, and FFmpeg'
    assert 'torchcodec' not in needs(load_config(name))


def test_only_a_build_for_gpus_is_imported() -> None:
    code = "import sys; from mplug2.cli import main; main(['doctor']); sys.exit('torch' in sys.modules)"
    finished = subprocess.run([sys.executable, '-c', code], check=False, stdout=subprocess.DEVNULL)
    assert finished.returncode == bool(torch.version.cuda or torch.version.hip)


def test_a_package_that_does_not_import_is_named(tmp_path: Path) -> None:
    config = tmp_path / 'mine.py'
    config.write_text("custom_imports = dict(imports=['no_such_package.parts'])\n")
    assert doctor.missing_for(config) == ['no_such_package']


def test_extras_are_no_failure(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(installed.shutil, 'which', lambda name: None)
    out = report(capsys, 0)
    assert 'METEOR, a caption metric: install a Java runtime' in out
    (spice,) = [line for line in out.splitlines() if 'SPICE' in line]
    assert 'stanford-corenlp-3.6.0.jar in the folder of pycocoevalcap' in spice, 'which the package does not bring'


def test_two_packages_of_one_name_clash(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    version = doctor.version
    monkeypatch.setattr(doctor, 'version', lambda name: '2.1.0' if name.startswith('mmcv') else version(name))
    assert 'mmcv-lite and mmcv are both installed and overwrite each other' in report(capsys, 1)


def test_an_opencv_that_wants_a_screen(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / 'cv2.py').write_text("raise ImportError('libGL.so.1: cannot open shared object file')")
    monkeypatch.syspath_prepend(tmp_path)
    for name in [name for name in sys.modules if name.split('.')[0] == 'cv2']:
        monkeypatch.delitem(sys.modules, name)
    last = report(capsys, 1).splitlines()[-1]
    assert last.startswith('OpenCV does not import (libGL.so.1: ')
    assert 'pip install opencv-python-headless' in last


def test_a_plug_in_is_listed(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    from importlib.metadata import EntryPoint

    monkeypatch.setattr(doctor, 'entry_points', lambda group: [EntryPoint('example', 'json', group)])
    monkeypatch.setattr(registry, 'load_plugins', lambda: None)
    assert 'plug-ins: example (json)' in report(capsys, 0)
