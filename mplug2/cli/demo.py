"""``mplug2 demo``: the main job from nothing, through the same commands that a user types."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from ..config.load import find_config, tools_folder
from ..utils.files import write_text

CONFIG = 'mini/video_captioning_demo'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))


def run(args: argparse.Namespace) -> None:
    config, folder = str(find_config(CONFIG)), args.work_dir
    tested = folder / 'test.json'
    start = time.perf_counter()
    for command in (
        ['data', 'mini'],
        ['train', config, '--work-dir', str(folder)],
        ['test', config, str(folder), '--work-dir', str(folder / 'test'), '--out', str(tested), '--show-dir', str(folder)],
    ):
        script = tools_folder() / f'{command[0]}.py'
        entry = [str(script)] if script.is_file() else ['-m', 'mplug2.cli', command[0]]
        print(f'\n$ {" ".join(["python", *entry, *command[1:]])}')
        subprocess.run([sys.executable, *entry, *command[1:]], check=True)
    metrics = json.loads(tested.read_text())
    metrics['seconds'] = round(time.perf_counter() - start, 1)
    write_text(folder / 'metrics.json', json.dumps(metrics, indent=1))
    print(f'\nmetrics: {folder / "metrics.json"}\nimages: {folder / "predictions.png"}')
