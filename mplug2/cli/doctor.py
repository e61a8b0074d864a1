"""``mplug2 doctor``."""

from __future__ import annotations

import argparse
import platform
import sys
from importlib.metadata import PackageNotFoundError, entry_points, version
from pathlib import Path

from ..config.load import config_folder, load_config
from ..config.needs import needs
from ..registry import PLUGIN_GROUP, load_plugins
from ..utils.installed import is_installed
from ..utils.processor import computes_bf16, cores, gpu_name
from ..utils.sources import module_constant

# Module (or package/file, or java) -> what to install. What a part needs beyond these its class says: `mplug2.config.needs`.
CORE = {
    'torch': 'torch',
    'mmengine': 'mmengine',
    'mmcv': 'mmcv-lite',
    'transformers': 'transformers',
    'tokenizers': 'tokenizers',
    'cv2': 'opencv-python-headless',
    'numpy': 'numpy',
    'safetensors': 'safetensors',
}
_JAVA = {'pycocoevalcap': 'pycocoevalcap', 'java': 'a Java runtime, such as default-jre-headless'}
# Distributions that unpack to the same folder: OpenMMLab's own, and the forks that go on with them.
SAME_FOLDER = (('mmengine', 'onedl-mmengine'), ('mmcv-lite', 'mmcv', 'onedl-mmcv'), ('mmdet', 'onedl-mmdetection'))
_ABSENT = 'not installed'
EXTRAS = {'METEOR, a caption metric': _JAVA, 'TensorBoard logs': {'tensorboard': 'tensorboard'}}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        'configs', nargs='*', help='import what these name; without any, read what the shipped ones of each task need'
    )


def missing(required: dict[str, str]) -> list[str]:
    """What this machine lacks of what is required, in words that say what to install."""
    return [install for what, install in required.items() if not is_installed(what)]


def missing_for(name: str | Path) -> list[str]:
    """What this machine lacks to run a config, in words that say what to install; its classes are imported."""
    from ..utils import lean_mmengine  # noqa: F401  # before mmdet, which imports MMEngine's optimizers

    try:
        return missing(needs(load_config(name), imports=True) | CORE)
    except ImportError as error:
        cause: BaseException = error
        while isinstance(below := cause.__cause__ or cause.__context__, ImportError):
            cause = below
        return [cause.name.partition('.')[0] if isinstance(cause, ModuleNotFoundError) and cause.name else str(cause)]


def missing_for_example(path: Path) -> list[str]:
    """What this machine lacks to run a shipped config, by what the sources of its classes say."""
    return missing(needs(load_config(path, imports=False)) | CORE)


def example_configs() -> dict[str, Path]:
    """Task -> the first of its shipped configs, of a folder each."""
    folders = [path for path in sorted(config_folder().iterdir()) if path.is_dir() and path.name not in ('_base_', 'mini')]
    firsts = {folder.name.replace('_', ' '): min(folder.glob('*.py'), default=None) for folder in folders}
    return {task: path for task, path in firsts.items() if path is not None}


def opencv_trouble() -> str:
    """Why OpenCV, which reads and resizes pixels, does not import, and what to do; empty if it does."""
    try:
        import cv2  # noqa: F401
    except ImportError as error:
        return (
            f'OpenCV does not import ({error}). MMEngine brings opencv-python, which needs the libraries of a screen and '
            'overwrites the one without windows: pip uninstall opencv-python opencv-python-headless, then pip install '
            'opencv-python-headless (or install libGL: apt-get install libgl1).'
        )
    return ''


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return _ABSENT


def run(args: argparse.Namespace) -> int:
    """Returns 1 if a task, or a config that is asked about, cannot run; or nothing can, for lack of OpenCV."""
    broken = load_plugins(go_on=True)
    print(f'Python {platform.python_version()} on {platform.system()} {platform.machine()}, in {sys.prefix}')
    openmmlab = [next((name for name in names if _version(name) != _ABSENT), names[0]) for names in SAME_FOLDER]
    for name in ('mplug2', 'torch', *openmmlab, 'mmaction2', 'transformers', 'decord', 'av'):
        print(f'  {name:<19}{_version(name)}')
    if trouble := opencv_trouble():
        print(f'\n{trouble}')
        return 1
    print(f'  {"accelerator":<19}{gpu_name() or "none: runs on the CPU"}')
    print(f'  {"cores":<19}{cores()}')
    print(f'  {"bf16 (--amp)":<19}{"computed natively" if computes_bf16() else "emulated: slower than fp32"}')
    failures = 0
    for names in SAME_FOLDER:
        if len(there := [name for name in names if _version(name) != _ABSENT]) > 1:
            failures += 1
            print(f'\n{" and ".join(there)} are both installed and overwrite each other: uninstall both, then install one.')
    print()
    stanford = module_constant('mplug2.evaluation.caption', 'STANFORD')
    parser = {file: f'{file.removeprefix("pycocoevalcap/")} in the folder of pycocoevalcap' for file in stanford}
    tasks = {name: missing_for(name) for name in args.configs} or {
        **{task: missing_for_example(path) for task, path in example_configs().items()},
        'mini benchmark (and all tasks on it)': missing(CORE | module_constant('mplug2.mini', 'REQUIRES')),
    }
    extras = {what: missing(required) for what, required in (EXTRAS | {'SPICE, a caption metric': _JAVA | parser}).items()}
    for what, absent in (tasks | extras).items():
        failures += bool(absent) and what in tasks
        print(f'  {"ready  " if not absent else "missing"}  {what}' + (f': install {", ".join(absent)}' if absent else ''))
    plugins = [f'{entry.name} ({entry.value})' for entry in entry_points(group=PLUGIN_GROUP)]
    print(f'\nplug-ins: {", ".join(plugins) or "none installed"}')
    for failure in broken:
        print(f'  {failure}')
    return 1 if failures or broken else 0
