"""``mplug2 doctor``."""

from __future__ import annotations

import argparse
import platform
import shutil
import sys
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

# What a group of tasks needs beyond the core, as (module, what to install).
_CORE = [
    ('torch', 'torch'),
    ('mmengine', 'mmengine'),
    ('mmcv', 'mmcv-lite'),
    ('transformers', 'transformers'),
    ('tokenizers', 'tokenizers'),
    ('cv2', 'opencv-python-headless'),
    ('numpy', 'numpy'),
    ('safetensors', 'safetensors'),
]
NEEDS = {
    'image captioning, image question answering': _CORE,
    'video captioning, video question answering': [*_CORE, ('decord', "decord (or av, with backend='pyav')")],
    'embedded benchmark': [
        ('sklearn', 'scikit-learn'),
        ('skimage', 'scikit-image'),
        ('av', 'av'),
        ('pycocotools', 'pycocotools'),
    ],
    'METEOR (a caption metric)': [('pycocoevalcap', 'pycocoevalcap'), ('java', 'a Java runtime, such as default-jre-headless')],
    'TensorBoard logs': [('tensorboard', 'tensorboard')],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def missing(needs: list[tuple[str, str]]) -> list[str]:
    """What of `needs` this machine lacks, in words that say what to install."""
    absent = []
    for module, install in needs:
        there = shutil.which('java') if module == 'java' else find_spec(module)
        if there is None:
            absent.append(install)
    return absent


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return 'not installed'


def run(args: argparse.Namespace) -> int:
    print(f'Python {platform.python_version()} on {platform.system()} {platform.machine()}, in {sys.prefix}')
    for name in ('mplug2', 'torch', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet', 'mmaction2', 'transformers', 'decord', 'av'):
        print(f'  {name:<14}{_version(name)}')
    import torch

    accelerator = torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'none: runs on the CPU'
    print(f'  {"accelerator":<14}{accelerator}')
    print(f'  {"processor":<14}{torch.get_num_threads()} threads, bf16 autocast by --amp')
    if _version('mmcv') != 'not installed' and _version('mmcv-lite') != 'not installed':
        print('\nmmcv and mmcv-lite are both installed and overwrite each other: uninstall both, then install one.')
    failures = 0
    print()
    for what, needs in NEEDS.items():
        absent = missing(needs)
        failures += bool(absent) and 'metric' not in what and 'logs' not in what
        print(f'  {"ready  " if not absent else "missing"}  {what}' + (f': install {", ".join(absent)}' if absent else ''))
    from ..registry import PLUGIN_GROUP, load_plugins

    load_plugins()
    from importlib.metadata import entry_points

    plugins = [f'{entry.name} ({entry.value})' for entry in entry_points(group=PLUGIN_GROUP)]
    print(f'\nplug-ins: {", ".join(plugins) or "none installed"}')
    return 1 if failures else 0
