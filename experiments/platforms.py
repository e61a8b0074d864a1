"""Which wheels pip finds for machines other than this one: the declared requirements, for each platform and Python.

    python experiments/platforms.py --out platforms.json

Nothing is installed, and nothing of what is found is run. Markers of dependencies are read as of the machine that asks, so each
requirement is resolved by itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from mplug2.utils.files import write_text

ROOT = Path(__file__).parents[1]
# Name -> tags of wheels that run there. (Linux on x86_64 is where the tests run.)
PLATFORMS = {
    'Windows, x86_64': ['win_amd64'],
    'macOS 14, ARM': ['macosx_14_0_arm64', 'macosx_11_0_arm64'],
    'Linux, ARM': [f'manylinux_2_{minor}_aarch64' for minor in (28, 27, 26, 24, 17)] + ['manylinux2014_aarch64'],
}
PYTHONS = ('3.10', '3.11', '3.12', '3.13')


def declared(name: str) -> list[str]:
    """The lines of a file of requirements."""
    lines = (line.split('#')[0].strip() for line in (ROOT / 'requirements' / f'{name}.txt').read_text().splitlines())
    return [line for line in lines if line]


def find_wheels(requirements: list[str], tags: list[str], python: str) -> dict[str, str]:
    """Name -> file of the wheel that pip takes; or 'none: ' and why, for all, where one of them has none."""
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / 'report.json'
        command = [sys.executable, '-m', 'pip', 'install', '--dry-run', '--quiet', '--no-deps', '--ignore-installed']
        command += ['--only-binary=:all:', '--python-version', python, '--target', folder]
        command += [word for tag in tags for word in ('--platform', tag)]
        done = subprocess.run([*command, '--report', str(report), *requirements], capture_output=True, text=True)
        if done.returncode:
            errors = [line for line in done.stderr.splitlines() if line.startswith('ERROR')]
            return {'none': errors[-1] if errors else done.stderr[-200:]}
        wheels = json.loads(report.read_text())['install']
    return {wheel['metadata']['name']: wheel['download_info']['url'].rsplit('/', 1)[1] for wheel in wheels}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--out', type=Path, help='write what was found here, as JSON')
    parser.add_argument('--only', default='', help='platforms whose name holds this')
    args = parser.parse_args()
    results = {}
    for platform, tags in PLATFORMS.items():
        if args.only not in platform:
            continue
        for python in PYTHONS:
            wheels = find_wheels(declared('runtime'), tags, python)
            results[f'{platform} {python}'] = wheels
            print(f'{platform:16} {python}: {wheels.get("none") or f"{len(wheels)} wheels"}', flush=True)
    if args.out:
        write_text(args.out, json.dumps(results, indent=1))
    sys.exit(any('none' in wheels for wheels in results.values()))


if __name__ == '__main__':
    main()
