"""``mplug2 bench annotations``: how long does a file of millions of lines take until its first sample, and how much memory?"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from ...config.command_line import positive


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--lines', type=positive, default=1_000_000, help='samples of the file (default 1,000,000)')


def write_lines(file: Path, lines: int) -> None:
    """Images with captions, about 105 bytes each."""
    with file.open('w') as stream:
        for number in range(lines):
            caption = f'a photo of the {number} number plate on a wall of a house.'
            stream.write(f'{json.dumps(dict(media=f"images/{number // 1000:04}/{number:08}.jpg", caption=caption))}\n')


def reading(file: str) -> Callable[[], object]:
    """What `peak_memory` runs."""
    from ...datasets import JsonlDataset

    return lambda: JsonlDataset(file, each='caption')


def run(args: argparse.Namespace) -> None:
    from .measure import describe_run, peak_memory

    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / 'lines.jsonl'
        write_lines(file, args.lines)
        size, read = file.stat().st_size, reading(str(file))
        start = time.process_time()
        read()
        seconds = time.process_time() - start
        before, peak = peak_memory(reading, str(file))
    print(describe_run())
    print(f'{args.lines:,} lines of {size / args.lines:.0f} bytes')
    print(f'  processor        {seconds:8.1f} s    {1e6 * seconds / args.lines:.1f} us a line')
    print(f'  memory           {(peak - before) / 1e6:8.0f} MB   {peak / 1e6:.0f} MB with the imports')
