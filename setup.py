"""Installs the package; configs/, projects/ and tools/ travel inside it.

MMEngine's configs of other projects find ours as ``mplug2.configs...``, MIM finds both folders under ``mplug2/.mim``.
"""

import shutil
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
# Extras that add what the package can do; `docs` and `tests` are for working on it.
FEATURES = ('mini', 'optional', 'detection', 'action', 'search', 'serve', 'analysis', 'peft', 'ray', 'timm')


def requirements(name: str) -> list[str]:
    lines = (line.split('#')[0].strip() for line in (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines())
    return [line for line in lines if line]


class BuildWithConfigs(build_py):
    """Copy configs/, projects/ and tools/ into the built package; an editable install reads them from the checkout instead.

    Of projects/ packages alone: a folder without ``__init__.py`` is installed by itself.
    """

    def run(self) -> None:
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / 'mplug2'
        for folder, target in (('configs', 'configs'), ('configs', '.mim/configs'), ('tools', '.mim/tools')):
            ignored = shutil.ignore_patterns('__pycache__')
            shutil.copytree(ROOT / folder, package / target, dirs_exist_ok=True, ignore=ignored)
        shutil.copy(ROOT / 'model-index.yml', package / '.mim/model-index.yml')
        for project in (ROOT / 'projects').glob('*/__init__.py'):
            folder = project.parent
            shutil.copytree(folder, package / 'projects' / folder.name, dirs_exist_ok=True, ignore=ignored)


version: dict = {}
exec((ROOT / 'mplug2' / 'version.py').read_text(), version)

setup(
    name='mplug2',
    version=version['__version__'],
    description='mPLUG-2: a modular foundation model for text, image and video, on MMEngine',
    long_description=(ROOT / 'README.md').read_text(),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    keywords='multi-modal video image text captioning retrieval mPLUG-2 MMEngine',
    classifiers=[
        'Development Status :: 4 - Beta',
        'Intended Audience :: Developers',
        'Intended Audience :: Science/Research',
        'License :: OSI Approved :: Apache Software License',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Programming Language :: Python :: 3.13',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
    python_requires='>=3.10,<3.14',
    packages=find_packages(include=['mplug2', 'mplug2.*']),
    package_data={'mplug2': ['text/vocabs/*', 'checkpoints/shipped/*', 'checkpoints/zoo.json', 'apis/samples/*']},
    install_requires=requirements('runtime'),
    extras_require={
        **{name: requirements(name) for name in (*FEATURES, 'docs', 'tests')},
        'all': [line for name in FEATURES for line in requirements(name)],
    },
    entry_points={'console_scripts': ['mplug2=mplug2.cli:main']},
    cmdclass={'build_py': BuildWithConfigs},
)
