"""Trains and tests the rows of the mini benchmark's results, and writes docs/results/mini.json and docs/results/mini.md.

    python experiments/mini_results.py                      # every row that is not done yet
    python experiments/mini_results.py --rows video_qa image_qa_blind --seeds 0 1 2
    python experiments/mini_results.py --rows '*_brief' 'video_*_no_instruction'       # Table 14
    python experiments/mini_results.py --list
    python experiments/mini_results.py --adopt image_qa=work_dirs/image_qa

A run is stored once it is tested, in work_dirs/mini_results/ROW/seed_N. The same command continues a stopped run from its last
checkpoint. --adopt adds a run made by hand: a work directory of the row's exact config, with the metrics that tools/test.py
wrote there with --out as test.json. The records of a row in docs/results/mini.json stay until as many seeds are done here, or
until the row changes: each result has the row's overrides and start.
"""

from __future__ import annotations

import argparse
import fnmatch
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, stdev
from typing import Any

import torch
from mini_chance import chance
from mini_rows import PRETRAINED, ROWS, Row
from mmengine.config import Config

from mplug2.checkpoints import find_weights, latest_checkpoint
from mplug2.cli.bench.measure import processor
from mplug2.config.load import load_config, tools_folder
from mplug2.engine.optim.wrapper import computes_bf16
from mplug2.mini.build import MANIFEST, VERSION
from mplug2.utils.files import replace_file, write_text

OUT, DOCS = Path('work_dirs/mini_results'), Path('docs/results')
MEASURED = 'measured.json'  # beside run.json: measurements of a run by other commands, reported with its metrics
# The keys that decide a result. The rest of a config is about output files, logs and metrics.
COMPARED = ('model', 'train_dataloader', 'test_dataloader', 'train_cfg', 'test_cfg', 'optim_wrapper', 'param_scheduler')
COMPARED += ('custom_hooks',)


HEAD = f"""# Results on the mini benchmark

Which results do the tasks and ablations reach on the mini benchmark?
`python experiments/mini_results.py` writes this page; it trains and tests what is missing.
`--rows NAME` runs one row.
[mini.json](mini.json) has the same numbers, with configs, commands and commits.

- **Units.** All results are in percent, with these exceptions.
  CIDEr-D is up to 10.
  Mean IoU and COCO's mAP are up to 1.
  A modality gap and the distances beside it are lengths between unit vectors (up to 2).
- **Seeds.** A result is the mean and standard deviation over the seeds.
- **Chance** is random order for retrieval and the most frequent class for classification.
  For question answering it is the most frequent training answer to the question.
  Otherwise it is the caption, summary or box of a training sample chosen at random.
  (All summaries are made alike: words shared with another summary are most of its words.)
- **Minutes** are those of the training steps of one run.
  Runs used one thread beside other work, two threads with nothing beside them, or a GPU.
  Text-to-video retrieval and detection among the tasks used two threads.
- **Hardware.** The JSON has the version of the benchmark (now {VERSION}) and the processor or GPU of each result.
  Where both are null the version was 2 or 3, and the processor one with bf16.
  The images, clips and texts of these versions differ little."""


class RowError(RuntimeError):
    """A row that cannot be run or adopted; the message is one sentence for the user."""


class OutOfTime(RuntimeError):
    """The minutes are over. The run was stopped, and can continue from its last checkpoint."""


def plain(cfg: Config) -> dict[str, Any]:
    """The keys of a config that are compared, as in its dump."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / 'config.py'
        cfg.dump(str(path))
        read = Config.fromfile(path)
    return {key: read.get(key) for key in COMPARED}


def check_same(row: Row, folder: Path) -> int:
    """Compare the config dumped in a work directory with the row's. Returns the seed of the run.

    Raises:
        RowError: no dumped config, or it differs; names the keys.
    """
    cfg = load_config(row.config, row.options)
    path = (folder if row.trained else folder / 'test') / f'{Path(row.config).name}.py'
    if not path.is_file():
        raise RowError(f'{path.parent}: no {path.name}, which a run of that config writes')
    done = Config.fromfile(path)
    if row.start in ROWS and row.start_key != 'load_from':  # the start's file belongs to the run, not to the row
        cfg.merge_from_dict({row.start_key: _at(done, row.start_key)})
    expected = plain(cfg)
    keys = COMPARED if row.trained else ('model', 'test_dataloader', 'test_cfg')
    different = [key for key in keys if _plain_value(done.get(key)) != _plain_value(expected[key])]
    if different:
        raise RowError(
            f'{path} differs from row {row.name} in {", ".join(different)}: remove or move {folder}, or adopt another'
        )
    return done.get('randomness', {}).get('seed', 0)


def _at(cfg: Config, key: str) -> Any:
    """The value at a dotted key, or None."""
    value: Any = cfg
    for name in key.split('.'):
        value = (value or {}).get(name)
    return value


def _plain_value(value: Any) -> Any:
    """Tuples as lists, so that a config equals its dump."""
    if isinstance(value, dict):
        return {key: _plain_value(item) for key, item in value.items()}
    return [_plain_value(item) for item in value] if isinstance(value, (list, tuple)) else value


def call(command: Sequence[str], log: Path, until: float | None = None) -> None:
    """Run one of the tools and append its output to a log; on one thread unless OMP_NUM_THREADS is set.

    Args:
        until: value of `time.monotonic` at which it is stopped.

    Raises:
        RowError: it failed; the message has its last line of output. OutOfTime: it was stopped.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, 'ab') as file:
        environment = {'OMP_NUM_THREADS': '1'} | os.environ
        left = None if until is None else max(0.0, until - time.monotonic())
        try:
            done = subprocess.run(
                [sys.executable, *command], stdout=file, stderr=subprocess.STDOUT, env=environment, timeout=left
            )
        except subprocess.TimeoutExpired:
            raise OutOfTime(f'{command[0]} was stopped: the minutes are over') from None
    if done.returncode:
        lines = log.read_text(errors='replace').strip().splitlines()
        raise RowError(f'{command[0]} ended with {done.returncode}: {lines[-1] if lines else "no output"} (see {log})')


def train_command(row: Row, seed: int, folder: Path, checkpoint: Path | str | None) -> list[str]:
    """The training command of a row, which resumes if `folder` has a checkpoint."""
    command = [str(tools_folder() / 'train.py'), row.config, '--work-dir', str(folder), '--seed', str(seed)]
    if latest_checkpoint(folder):
        command.append('--resume')
    options = row.options | ({} if checkpoint is None else {row.start_key: str(checkpoint)})
    return command + _options(options)


def test_commands(row: Row, folder: Path) -> dict[Path, list[str]]:
    """Test commands for a row's best checkpoint (or its last, without a best one), by the files of their metrics."""
    commands = {}
    for number, (config, options) in enumerate((row.tests or {row.config: row.options}).items()):
        out = folder / ('test.json' if not number else f'test_{number}.json')
        command = [str(tools_folder() / 'test.py'), config, str(folder) if row.trained else str(row.start)]
        commands[out] = [*command, '--work-dir', str(folder / out.stem), '--out', str(out), *_options(options)]
    return commands


def _options(options: dict[str, Any]) -> list[str]:
    return ['--cfg-options', *(f'{key}={value}' for key, value in options.items())] if options else []


def run(row: Row, seed: int, out: Path = OUT, until: float | None = None) -> dict:
    """Train and test a row with one seed, unless that is done. until: as in `call`.

    Returns:
        the record of the run: seed, metrics, minutes, commit, folder.

    Raises:
        RowError: it failed, was run with another config or version of the benchmark, or its start is missing.
        OutOfTime: see `call`.
    """
    folder = out / row.name / f'seed_{seed}'
    kept = read_run(folder)
    if kept is not None:
        check_same(row, Path(kept['folder']))
        if not _same(row, kept):
            raise RowError(
                f'{folder} was run with other overrides or from another start than those of row {row.name}: remove it'
            )
        if kept['benchmark'] != VERSION:
            raise RowError(f'{folder} is of version {kept["benchmark"]} of the benchmark, not {VERSION}: remove it')
        if not _complete(row, kept):
            kept['metrics'] = tested(row, Path(kept['folder']))
            _save(kept, folder)
        return kept
    if row.trained:
        if latest_checkpoint(folder):
            check_same(row, folder)
        call(train_command(row, seed, folder, start_of(row, seed, out)), folder / 'output.log', until)
    for command in test_commands(row, folder).values():
        call(command, folder / 'output.log', until)
    return keep(row, seed, folder, folder)


def check_data(folder: Path = Path('data/mini')) -> None:
    """Refuse a benchmark of another version than the code's, which results would name.

    Raises:
        RowError: the benchmark has another version.
    """
    path = folder / MANIFEST
    version = (
        json.loads(path.read_text()).get('version') if path.is_file() else VERSION
    )  # without a benchmark training fails anyway
    if version != VERSION:
        raise RowError(f'{path} is of version {version} of the benchmark, not {VERSION}: run mplug2 data mini')


def start_of(row: Row, seed: int, out: Path) -> Path | str | None:
    """The start of a row: a checkpoint of another row, or the name of shipped weights.

    Raises:
        RowError: no seed of that row is done.
    """
    if row.start is None or row.start not in ROWS:
        return row.start
    done = [
        read_run(run_folder) for run_folder in (out / row.start / f'seed_{seed}', *sorted((out / row.start).glob('seed_*')))
    ]
    checkpoints = [latest_checkpoint(Path(run['folder'])) for run in done if run is not None]
    checkpoint = next((path for path in checkpoints if path is not None), None)
    if checkpoint is None:
        raise RowError(f'{row.name} starts from {row.start}, of which no seed is done: run that row first')
    return checkpoint


def adopt(row: Row, folder: Path, out: Path = OUT) -> dict:
    """Adopt a run made by hand. Returns its record, as `run` does.

    Raises:
        RowError: its config is not the row's, or it has not been tested.
    """
    seed = check_same(row, folder)
    return keep(row, seed, folder, out / row.name / f'seed_{seed}')


def keep(row: Row, seed: int, folder: Path, run_folder: Path) -> dict:
    """Write ``run.json`` of a run in `folder` to `run_folder`.

    Raises:
        RowError: ``test.json`` is missing, or lacks a metric of the row.
    """
    starts = sorted(path.name for path in folder.iterdir() if path.is_dir() and path.name[:8].isdigit())
    kept = dict(
        seed=seed,
        metrics=tested(row, folder),
        minutes=training_minutes(folder),
        steps=load_config(row.config, row.options).train_cfg.max_iters if row.trained else None,
        benchmark=VERSION,
        hardware=hardware(),
        commit=commit_at(starts[0] if starts else None),
        options=row.options,
        start=started(row),
        folder=str(folder),
    )
    _save(kept, run_folder)
    return kept


def tested(row: Row, folder: Path) -> dict[str, float]:
    """The row's metrics from the tests in a work directory.

    Raises:
        RowError: a test or a metric is missing.
    """
    metrics: dict[str, float] = {}
    for path, command in test_commands(row, folder).items():
        if not path.is_file():
            raise RowError(f'{folder}: no {path.name}; write it by tools/test.py {command[1]} {folder} --out {path}')
        metrics |= json.loads(path.read_text())
    missing = [metric for metric in row.metrics if metric not in metrics]
    if missing:
        raise RowError(f'the tests in {folder} have no {", ".join(missing)} but {", ".join(metrics)}')
    return {metric: metrics[metric] for metric in row.metrics}


def _save(kept: dict, run_folder: Path) -> None:
    run_folder.mkdir(parents=True, exist_ok=True)
    replace_file(run_folder / 'run.json', lambda file: file.write(json.dumps(kept, indent=1).encode()))


def _complete(row: Row, kept: dict) -> bool:
    """Whether a run has all metrics of its row; it may be older than some of them."""
    return all(metric in kept['metrics'] for metric in row.metrics)


def _same(row: Row, noted: dict) -> bool:
    """Whether a run or a record has the row's present overrides and start."""
    return (noted.get('options'), noted.get('start')) == (row.options, started(row))


def started(row: Row) -> str | None:
    """The start of a row. Shipped weights have a digest, because they may change."""
    return f'{row.start} {_digest(row.start)}' if row.start == PRETRAINED else row.start


@cache
def _digest(weights: str) -> str:
    return hashlib.blake2b(find_weights(weights).read_bytes(), digest_size=4).hexdigest()


def read_run(run_folder: Path) -> dict | None:
    """The record that `keep` wrote, or None."""
    path = run_folder / 'run.json'
    return json.loads(path.read_text()) if path.is_file() else None


def training_minutes(folder: Path) -> float | None:
    """Minutes that the steps of a run took, without validation, from its logs; a resumed run's steps count once."""
    seconds: dict[int, float] = {}  # of one step, by the step it was logged at
    for path in sorted(folder.glob('*/vis_data/scalars.json')):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            if 'loss' in record:
                seconds[record['step']] = record['time']
    total, last = 0.0, 0
    for step, time_of_step in sorted(seconds.items()):
        total, last = total + (step - last) * time_of_step, step
    return round(total / 60, 1) if seconds else None


def hardware() -> str:
    """The GPU, or else processor and number of threads; and the precision of training (``dtype='auto'``)."""
    dtype = 'bf16' if computes_bf16() else 'fp32'
    if torch.cuda.is_available():
        return f'{torch.cuda.get_device_name()}, {dtype}'
    return f'{processor()}, {dtype}, threads: {os.environ.get("OMP_NUM_THREADS", "1")}'


def commit_at(moment: str | None) -> str | None:
    """The commit that was checked out at a moment (``20261124_120000``, local time), or now; None outside a repository, or
    without git."""
    if shutil.which('git') is None:
        return None
    until = [] if moment is None else [f'--before={time.mktime(time.strptime(moment, "%Y%m%d_%H%M%S")):.0f}']
    process = subprocess.run(['git', 'log', '-1', '--format=%h', *until], capture_output=True, text=True)
    return process.stdout.strip() or None


def results(rows: Iterable[Row], out: Path = OUT) -> list[dict]:
    """A record for each metric of each row with finished runs: ``{task, config, metric, mean, std, seeds, chance, minutes,
    steps, options, start, benchmark, hardware, command, commit}``. `std` is that of a sample and None for one seed; `seeds`
    counts them; `minutes` are one run's; `benchmark` is the version of the data. Runs with other overrides than the row's, or
    from another start, are left out."""
    records = []
    for row in rows:
        runs = [read_run(path.parent) for path in sorted((out / row.name).glob('seed_*/run.json'))]
        runs = [run for run in runs if _complete(row, run) and _same(row, run)]
        if not runs:
            continue
        further = [_measured(out / row.name / f'seed_{run["seed"]}') for run in runs]
        names = [*row.metrics, *(name for name in further[0] if all(name in run for run in further))]
        guessed = _chance_of(row, out)
        minutes = [run['minutes'] for run in runs if run['minutes'] is not None]
        seeds = ' '.join(str(run['seed']) for run in runs)
        for metric in names:
            values = [(run['metrics'] | more)[metric] for run, more in zip(runs, further, strict=True)]
            records.append(
                dict(
                    task=row.task,
                    config=row.config,
                    metric=metric,
                    mean=round(mean(values), 4),
                    std=round(stdev(values), 4) if len(values) > 1 else None,
                    seeds=len(values),
                    chance=guessed.get(metric),
                    minutes=round(mean(minutes), 1) if minutes else None,
                    steps=runs[0]['steps'],
                    options=row.options,
                    start=started(row),
                    benchmark=runs[0]['benchmark'],
                    hardware='; '.join(sorted({run['hardware'] for run in runs})),
                    command=f'python experiments/mini_results.py --rows {row.name} --seeds {seeds}',
                    commit=', '.join(sorted({run['commit'] for run in runs if run['commit']})) or None,
                )
            )
    return records


def _measured(run_folder: Path) -> dict[str, float]:
    path = run_folder / MEASURED
    return json.loads(path.read_text()) if path.is_file() else {}


def _chance_of(row: Row, out: Path) -> dict[str, float]:
    """Chance levels of a row, computed once and stored beside its runs."""
    path = out / row.name / 'chance.json'
    if not path.is_file():
        guessed = chance(load_config(row.config, row.options), row.chance, row.metrics)
        write_text(path, json.dumps({metric: round(value, 4) for metric, value in guessed.items()}))
    return json.loads(path.read_text())


def write_table(records: list[dict], rows: Iterable[Row], path: Path) -> None:
    """The records as a page. Each group has a section. Rows with the same metrics share a table; others list their metrics."""
    lines = [HEAD]
    by_row: dict[str, list[dict]] = {}
    by_task = {row.task: row for row in rows}
    for record in records:
        by_row.setdefault(by_task[record['task']].name, []).append(record)
    shown = [row for row in by_task.values() if row.name in by_row]
    for group in dict.fromkeys(row.group for row in shown):
        alike: dict[tuple, list[Row]] = {}
        for row in shown:
            if row.group == group:
                levels = tuple(record['chance'] for record in by_row[row.name] if record['metric'] == row.metrics[0])
                alike.setdefault((row.metrics, levels), []).append(row)
        lines += ['', f'## {group}']
        alone = [row for block in alike.values() if len(block) == 1 for row in block]
        if alone:
            lines += ['', *_lines(alone, by_row)]
        for block in alike.values():
            if len(block) > 1:
                lines += ['', *_columns(block, by_row)]
    write_text(path, '\n'.join(lines) + '\n')


def _lines(rows: Iterable[Row], by_row: dict[str, list[dict]]) -> list[str]:
    """A table with a line for each metric of each row."""
    table = [
        '| row | metric | result | chance | seeds | steps | minutes |',
        '|---|---|--:|--:|--:|--:|--:|',
    ]
    for row in rows:
        for record in by_row[row.name]:
            cells = (row.name, record['metric'], _result(record), _number(record['chance'], 2), *_effort(record))
            table.append(f'| {" | ".join(cells)} |')
    return table


def _columns(rows: Sequence[Row], by_row: dict[str, list[dict]]) -> list[str]:
    """A table with a line for each row and a column for each metric; the last line is their common chance level."""
    metrics = list(dict.fromkeys(record['metric'] for row in rows for record in by_row[row.name]))
    table = [
        f'| row | | {" | ".join(metrics)} | seeds | steps | minutes |',
        f'|---|---|{"--:|" * (len(metrics) + 3)}',
    ]
    levels: dict[str, float] = {}
    for row in rows:
        records = {record['metric']: record for record in by_row[row.name]}
        levels |= {metric: record['chance'] for metric, record in records.items() if record['chance'] is not None}
        cells = [_result(records[metric]) if metric in records else '' for metric in metrics]
        table.append(f'| {" | ".join((row.name, row.title, *cells, *_effort(by_row[row.name][0])))} |')
    if levels:
        cells = [_number(levels.get(metric), 2) for metric in metrics]
        table.append(f'| {" | ".join(("chance", "", *cells, "", "", ""))} |')
    return table


def _result(record: dict) -> str:
    return _number(record['mean'], 2) + ('' if record['std'] is None else f' ± {record["std"]:.2f}')


def _effort(record: dict) -> tuple[str, str, str]:
    return str(record['seeds']), str(record['steps'] or ''), _number(record['minutes'], 1)


def _number(value: float | None, digits: int) -> str:
    return '' if value is None else f'{value:.{digits}f}'


def write(rows: Sequence[Row], out: Path = OUT, docs: Path = DOCS) -> None:
    """Write both files from the finished runs, and keep existing records of rows with fewer finished seeds."""
    path = docs / 'mini.json'
    written = json.loads(path.read_text()) if path.is_file() else []
    records = []
    for row in rows:
        done = results([row], out)
        before = [record for record in written if record['task'] == row.task and _same(row, record)]
        records += done if _seeds(done) >= _seeds(before) else before
    write_text(path, json.dumps(records, indent=1) + '\n')
    write_table(records, rows, docs / 'mini.md')


def _seeds(records: Sequence[dict]) -> int:
    return max((record['seeds'] for record in records), default=0)


def show_list(rows: Iterable[Row], out: Path = OUT) -> None:
    """Print every row with its finished seeds."""
    for row in rows:
        done = [path.parent.name.removeprefix('seed_') for path in sorted((out / row.name).glob('seed_*/run.json'))]
        seeds_text = ' '.join(map(str, row.seeds))
        print(f'{row.name:42} {row.config:52} seeds {seeds_text:6} done {" ".join(done) or "-"}')


def in_turn(seeds: dict[str, Sequence[int]]) -> list[tuple[str, int]]:
    """Rows with their seeds -> jobs, the first seed of every row before the second of any."""
    rounds = range(max(map(len, seeds.values()), default=0))
    return [(name, own[number]) for number in rounds for name, own in seeds.items() if number < len(own)]


def named(patterns: Iterable[str]) -> list[str]:
    """The names of rows that match any pattern, each once, in the order of the patterns.

    Raises:
        RowError: a pattern matches no row.
    """
    names: dict[str, None] = {}
    for pattern in patterns:
        matching = fnmatch.filter(ROWS, pattern)
        if not matching:
            raise RowError(f'no row {pattern!r}: --list prints them')
        names |= dict.fromkeys(matching)
    return list(names)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rows', nargs='+', default=['*'], metavar='ROW', help="names or patterns ('video_*'); default: all")
    parser.add_argument('--seeds', nargs='+', type=int, help='seeds (default: those of the rows)')
    parser.add_argument('--minutes', type=float, help='stop after this many minutes; the same command continues later')
    parser.add_argument('--list', action='store_true', help='print the rows and their finished seeds')
    parser.add_argument('--adopt', nargs='+', default=[], metavar='ROW=WORK_DIR', help='adopt runs made by hand; runs nothing')
    args = parser.parse_args()
    try:
        names = named(args.rows)
    except RowError as error:
        parser.error(str(error))
    if args.list:
        show_list(ROWS[name] for name in names)
        return 0
    failed = 0
    if args.adopt:
        jobs = [(name, Path(folder)) for name, _, folder in (pair.partition('=') for pair in args.adopt)]
    else:
        jobs = in_turn({name: ROWS[name].seeds if args.seeds is None else args.seeds for name in names})
    until = None if args.minutes is None else time.monotonic() + 60 * args.minutes
    for name, what in jobs:
        print(f'{time.strftime("%H:%M:%S")} {name} {what}', flush=True)
        try:
            if name not in ROWS:
                raise RowError(f'no row {name!r}: --list prints them')
            check_data()
            kept = adopt(ROWS[name], what) if isinstance(what, Path) else run(ROWS[name], what, until=until)
            print('  ' + ', '.join(f'{metric} {value:.2f}' for metric, value in kept['metrics'].items()), flush=True)
            write(list(ROWS.values()))
        except OutOfTime as error:
            print(f'  {error}', flush=True)
            break
        except RowError as error:  # the other rows can still run
            failed += 1
            print(f'  {error}', file=sys.stderr, flush=True)
    return int(failed > 0)


if __name__ == '__main__':
    sys.exit(main())
