"""The wheel holds what a user needs, and works where it is installed."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from mplug2.pretrained import shipped_names
from tests.runs import ROOT, finished

PIP = [sys.executable, '-m', 'pip', '--quiet', '--disable-pip-version-check']


@pytest.fixture(scope='module')
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of what is built, since building leaves files behind."""
    source = tmp_path_factory.mktemp('source')
    for name in ('mplug2', 'configs', 'projects', 'tools', 'requirements'):
        shutil.copytree(ROOT / name, source / name, symlinks=True, ignore=shutil.ignore_patterns('__pycache__'))
    for name in ('setup.py', 'pyproject.toml', 'README.md', 'LICENSE', 'MANIFEST.in', 'model-index.yml'):
        shutil.copy(ROOT / name, source)
    return source


def build(source: Path, out: Path) -> Path:
    subprocess.run([*PIP, 'wheel', '--no-deps', '--no-build-isolation', '--no-index', '-w', out, source], check=True)
    (built,) = out.glob('mplug2-*.whl')
    return built


@pytest.fixture(scope='module')
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, tmp_path_factory.mktemp('wheel'))


def test_what_the_wheel_holds(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    for folder, inside in (('configs', 'mplug2/configs'), ('configs', 'mplug2/.mim/configs'), ('tools', 'mplug2/.mim/tools')):
        for file in (ROOT / folder).rglob('*'):
            if file.is_file() and '__pycache__' not in file.parts:
                assert f'{inside}/{file.relative_to(ROOT / folder)}' in names
    assert {'mplug2/text/vocabs/mini.txt', 'mplug2/text/vocabs/bert-base-uncased.txt', 'mplug2/text/vocabs/NOTICE.md'} <= names
    for name in shipped_names():
        assert f'mplug2/checkpoints/shipped/{name}.safetensors' in names
    assert {'mplug2/apis/samples/sample.mp4', 'mplug2/apis/samples/sample.jpg'} <= names
    modules = {f'mplug2/{file.relative_to(ROOT / "mplug2")}' for file in (ROOT / 'mplug2').rglob('*.py')}
    assert modules <= names
    projects = {path.parent for path in (ROOT / 'projects').glob('*/__init__.py')}
    assert projects
    assert {f'mplug2/{file.relative_to(ROOT)}' for folder in projects for file in folder.rglob('*.py')} <= names
    assert not [name for name in names if 'example_project' in name]
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


def test_the_source_distribution_builds_the_same_wheel(source: Path, wheel: Path, tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, 'setup.py', '--quiet', 'sdist', '-d', tmp_path], cwd=source, check=True, stdout=subprocess.DEVNULL
    )
    (archive,) = tmp_path.glob('mplug2-*.tar.gz')
    again = build(archive, tmp_path)
    names = [{name for name in zipfile.ZipFile(file).namelist() if '.dist-info/' not in name} for file in (wheel, again)]
    assert names[0] == names[1]


# What a module is called where its distribution has another name.
IMPORTED_AS = {'opencv-python-headless': 'cv2', 'pillow': 'PIL', 'setuptools': 'pkg_resources'}
OPTIONAL = {
    *('decord', 'mmdet', 'mmcv', 'mmaction', 'torchcodec', 'torchvision', 'fsspec', 'pycocoevalcap', 'rouge_score'),
    *('skimage', 'sklearn', 'scipy', 'huggingface_hub', 'tensorboard', 'faiss'),
    *('fastapi', 'gradio', 'peft', 'pyarrow', 'ray', 'timm', 'umap', 'uvicorn'),
}


def test_every_import_of_the_package_is_declared() -> None:
    lines = (ROOT / 'requirements/runtime.txt').read_text().splitlines()
    declared = {re.split(r'[<>=;~ ]', line)[0] for line in lines if line and not line.startswith('#')}
    declared = {IMPORTED_AS.get(name, name) for name in declared}
    imported: set[str] = set()
    for path in (ROOT / 'mplug2').rglob('*.py'):
        if 'detection' in path.parts or 'configs' in path.parts:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split('.')[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add(node.module.split('.')[0])
    assert imported - declared - OPTIONAL - set(sys.stdlib_module_names) - {'mplug2'} == set()
