"""``mplug2 doctor``."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version

from ..utils.installed import is_installed

# What a group of tasks needs beyond the core, as (module, java or package/file, what to install).
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
    'image captioning, question answering, retrieval; visual grounding': _CORE,
    'video captioning, question answering, retrieval': [*_CORE, ('av', 'av')],
    'image classification': _CORE,
    'video classification': [*_CORE, ('mmaction', 'mmaction2 without its dependencies'), ('av', 'av')],
    'detection and segmentation': [*_CORE, ('mmdet', 'mmdet without its dependencies'), ('pycocotools', 'pycocotools')],
    'text classification, text question answering': _CORE,
    'summarization': [*_CORE, ('rouge_score', 'rouge-score')],
    'mini benchmark (and all tasks on it)': [
        *_CORE,
        ('sklearn', 'scikit-learn'),
        ('skimage', 'scikit-image'),
        ('av', 'av'),
        ('pycocotools', 'pycocotools'),
    ],
}
_JAVA = [('pycocoevalcap', 'pycocoevalcap'), ('java', 'a Java runtime, such as default-jre-headless')]
EXTRAS = {
    'METEOR, a caption metric': _JAVA,
    'TensorBoard logs': [('tensorboard', 'tensorboard')],
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    del parser


def missing(needs: list[tuple[str, str]]) -> list[str]:
    """What of `needs` this machine lacks, in words that say what to install."""
    return [install for what, install in needs if not is_installed(what)]


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return 'not installed'


def run(args: argparse.Namespace) -> int:
    """Returns 1 if a task cannot run."""
    print(f'Python {platform.python_version()} on {platform.system()} {platform.machine()}, in {sys.prefix}')
    for name in ('mplug2', 'torch', 'mmengine', 'mmcv', 'mmcv-lite', 'mmdet', 'mmaction2', 'transformers', 'decord', 'av'):
        print(f'  {name:<14}{_version(name)}')
    import torch

    accelerator = torch.cuda.get_device_name(0) if torch.cuda.is_available() else 'none: runs on the CPU'
    print(f'  {"accelerator":<14}{accelerator}')
    from ..engine.optim.wrapper import computes_bf16
    from ..evaluation.caption import STANFORD

    print(f'  {"processor":<14}{torch.get_num_threads()} threads')
    print(f'  {"bf16 (--amp)":<14}{"computed natively" if computes_bf16() else "emulated: slower than fp32"}')
    failures = 0
    if _version('mmcv') != 'not installed' and _version('mmcv-lite') != 'not installed':
        failures = 1
        print('\nmmcv and mmcv-lite are both installed and overwrite each other: uninstall both, then install one.')
    print()
    parser = [(file, f'{file.removeprefix("pycocoevalcap/")} in the folder of pycocoevalcap') for file in STANFORD]
    for what, needs in (NEEDS | EXTRAS | {'SPICE, a caption metric': [*_JAVA, *parser]}).items():
        absent = missing(needs)
        failures += bool(absent) and what in NEEDS
        print(f'  {"ready  " if not absent else "missing"}  {what}' + (f': install {", ".join(absent)}' if absent else ''))
    from ..registry import PLUGIN_GROUP, load_plugins

    load_plugins()  # one that does not import is an error
    plugins = [f'{entry.name} ({entry.value})' for entry in entry_points(group=PLUGIN_GROUP)]
    print(f'\nplug-ins: {", ".join(plugins) or "none installed"}')
    return 1 if failures else 0
