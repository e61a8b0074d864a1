"""What an environment may lack: packages of single tasks, and what Windows, macOS and ARM Linux do not have."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.runs import ROOT

# Taken away after torch and MMEngine are imported, which care for themselves.
PROGRAM = """
import importlib, os, pkgutil, signal, sys
import torch, torch._dynamo, mmengine.runner, transformers
GONE = {gone!r}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split('.')[0] in GONE:
            raise ModuleNotFoundError(f'No module named {{name!r}}', name=name)

for name in [name for name in sys.modules if name.split('.')[0] in GONE]:
    del sys.modules[name]
sys.meta_path.insert(0, Missing())
for module, name in {attributes!r}:
    if hasattr(sys.modules[module], name):
        delattr(sys.modules[module], name)
import mplug2
skipped = ('mplug2.detection', 'mplug2.configs', 'mplug2.cli.__main__', 'mplug2.serve.app', 'mplug2.serve.page')
for found in pkgutil.walk_packages(mplug2.__path__, 'mplug2.'):
    if not found.name.startswith(skipped):
        importlib.import_module(found.name)
from mplug2.config.load import load_config
from mplug2.registry import DATASETS, MODELS, TRANSFORMS, resolve
cfg = load_config('mini/video_captioning')
model = MODELS.build(resolve(cfg.model, MODELS))
steps = [TRANSFORMS.build(resolve(step, TRANSFORMS)) for step in cfg.train_dataloader.dataset.pipeline]
print('ran', len(steps))
"""


@pytest.mark.parametrize(
    ('gone', 'attributes'),
    [
        (('mmcv', 'mmdet', 'mmaction'), ()),
        (('decord', 'rouge_score', 'pycocoevalcap', 'fsspec', 'tensorboard', 'skimage', 'sklearn'), ()),
        (
            ('resource', 'decord', 'fcntl'),
            (('signal', 'SIGUSR1'), ('signal', 'sigwaitinfo'), ('os', 'pread'), ('os', 'O_CLOEXEC')),
        ),
    ],
    ids=['without OpenMMLab', 'without packages of single tasks', 'as on Windows'],
)
def test_the_core_runs_without(gone: tuple[str, ...], attributes: tuple[tuple[str, str], ...]) -> None:
    program = PROGRAM.format(gone=gone, attributes=attributes)
    done = subprocess.run(
        [sys.executable, '-c', program], cwd=ROOT, capture_output=True, text=True, env=os.environ | {'OMP_NUM_THREADS': '1'}
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.startswith('ran ')
