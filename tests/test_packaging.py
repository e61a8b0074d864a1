"""The wheel holds what a user needs, and works where it is installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.runs import ROOT, finished

PIP = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']


@pytest.fixture(scope='module')
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, since building leaves files behind."""
    source, out = tmp_path_factory.mktemp('source'), tmp_path_factory.mktemp('wheel')
    for name in ('mplug2', 'configs', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE'):
        shutil.copy(ROOT / name, source)
    subprocess.run([*PIP, 'wheel', '--no-deps', '--no-build-isolation', '--no-index', '-w', out, source], check=True)
    (built,) = out.glob('mplug2-*.whl')
    return built


def test_what_the_wheel_holds(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (('configs', 'mplug2/configs'), ('configs', 'mplug2/.mim/configs'), ('tools', 'mplug2/.mim/tools')):
        for file in (ROOT / folder).rglob('*'):
            if file.is_file() and '__pycache__' not in file.parts:
                assert f'{inside}/{file.relative_to(ROOT / folder)}' in names
    assert {'mplug2/text/vocabs/mini.txt', 'mplug2/text/vocabs/bert-base-uncased.txt', 'mplug2/text/vocabs/NOTICE.md'} <= names
    assert {f'mplug2/checkpoints/shipped/mplug2_tiny.{ending}' for ending in ('json', 'safetensors')} <= names
    modules = {f'mplug2/{file.relative_to(ROOT / "mplug2")}' for file in (ROOT / 'mplug2').rglob('*.py')}
    assert modules <= names
    assert not [name for name in names if name.startswith('tests/')]
    assert any(name.endswith('LICENSE') for name in names)


def test_the_command_works_where_it_is_installed(wheel: Path, tmp_path: Path) -> None:
    target = tmp_path / 'site'
    subprocess.run([*PIP, 'install', '--no-deps', '--no-index', '--target', target, wheel], check=True)
    script = target / 'bin' / 'mplug2'
    explained = finished(
        tmp_path, script, 'explain', 'mini/video_captioning', 'optim_wrapper.clip_grad', PYTHONPATH=str(target)
    )
    assert "optim_wrapper.clip_grad = {'max_norm': " in explained
    assert 'set in site/mplug2/configs/_base_/schedules/mini.py:' in explained
