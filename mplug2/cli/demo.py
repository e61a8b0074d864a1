"""``mplug2 demo``: the main job in minutes, through the same commands that a user types, and a page of what came of it."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from ..config.load import load_config
from ..utils.files import write_text

CONFIG = 'mini/video_captioning_finetune'
CLIPS = 8  # that the page shows
GALLERY = 100  # clips that are searched
QUESTIONS = ('what color is the digit ?', 'where does the digit move ?')
QUERIES = ('a large red three moves down slowly', 'a black three grows', 'a small green five moves up quickly')


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/demo'))


def run(args: argparse.Namespace) -> None:
    folder, start = args.work_dir, time.perf_counter()
    commands: list[str] = []

    def step(*words: str | Path, printed: Path | None = None) -> None:
        """Run a command of ours; the first that fails ends the demo. printed: where its output goes."""
        command = shlex.join(['mplug2', *map(str, words)])
        commands.append(command if printed is None else f'{command} > {printed}')
        print(f'\n$ {commands[-1]}', flush=True)
        with nullcontext() if printed is None else open(printed, 'w') as output:
            subprocess.run([sys.executable, '-m', 'mplug2.cli', *map(str, words)], check=True, stdout=output)

    step('data', 'mini')
    step('train', CONFIG, '--work-dir', folder)
    tested = folder / 'test.json'
    step('test', CONFIG, folder, '--work-dir', folder / 'test', '--out', tested, '--show-dir', folder)
    clips, captions = held_out(CONFIG)
    step('caption', *clips[:CLIPS], '--model', folder, '--out', folder / 'captions.jsonl')
    for number, question in enumerate(QUESTIONS):
        step('answer', *clips[:CLIPS], '--question', question, '--out', folder / f'answers_{number}.jsonl')
    step('index', *clips, '--out', folder / 'index')
    for number, query in enumerate(QUERIES):
        step('search', folder / 'index', query, '--top-k', 4, printed=folder / f'hits_{number}.jsonl')
    metrics = json.loads(tested.read_text()) | {'seconds': round(time.perf_counter() - start, 1)}
    write_text(folder / 'metrics.json', json.dumps(metrics, indent=1))
    report = write_page(folder, metrics, captions, commands)
    print(f'\nmetrics: {folder / "metrics.json"}\nimages: {folder / "predictions.png"}\nreport: {report}')


def held_out(config: str) -> tuple[list[str], dict[str, list[str]]]:
    """Clips of the config's test set, and the captions of each."""
    from ..registry import DATASETS, resolve

    cfg = load_config(config).test_dataloader.dataset
    dataset = DATASETS.build(resolve({**cfg, 'pipeline': []}, DATASETS))
    records = [dataset.record(number) for number in range(min(GALLERY, len(dataset)))]
    return [record['path'] for record in records], {record['path']: record['captions'] for record in records}


def write_page(folder: Path, metrics: dict[str, float], captions: dict[str, list[str]], commands: Sequence[str]) -> Path:
    """The page of a demo, from the files that its commands wrote."""
    from ..visualization.report import Section, Statement, write_report

    statements: dict[str, list[Statement]] = {}
    for result in _lines(folder / 'captions.jsonl'):
        right = result['text'] in captions[result['source']]
        statements[result['source']] = [Statement('', result['text'], right)]
        if not right:
            statements[result['source']].append(Statement('expected:', captions[result['source']][0]))
    for number in range(len(QUESTIONS)):
        for result in _lines(folder / f'answers_{number}.jsonl'):
            statements[result['source']].append(Statement(result['prompt'], result['text']))
    sections = [Section('Captions of held-out clips, and answers', list(statements.items()))]
    for number, query in enumerate(QUERIES):
        hits = [
            (hit['source'], [Statement(f'similarity {hit["similarity"]:.2f}', '')])
            for hit in _lines(folder / f'hits_{number}.jsonl')
        ]
        sections.append(Section(f'Search: {query}', hits))
    return write_report(folder / 'report.html', 'mplug2 demo', sections, metrics, commands)


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]
