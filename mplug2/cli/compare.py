"""``mplug2 compare``: trains and tests several configs under the same recipe and prints one table."""

from __future__ import annotations

import argparse
import json
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

from ..config.command_line import add_smoke_test
from ..utils.files import write_text


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument('configs', nargs='+', metavar='CONFIG', help='config files, or names of shipped ones, of one task')
    parser.add_argument('--work-dir', type=Path, default=Path('work_dirs/compare'), help='default: work_dirs/compare')
    parser.add_argument('--seeds', type=int, nargs='+', default=[0], metavar='N', help='a training for each (default: 0)')
    parser.add_argument('--out', type=Path, metavar='FILE.json', help='write all numbers there too')
    add_smoke_test(parser)
    parser.add_argument(
        '--cfg-options', nargs='+', default=[], metavar='KEY=VALUE', help='for every config: what makes the recipe the same'
    )


def run(args: argparse.Namespace) -> None:
    from ..checkpoints.loading import table

    runs: list[dict] = []
    for config in args.configs:
        for seed in args.seeds:
            print(f'{config}, seed {seed}', flush=True)
            runs.append(train_and_test(config, seed, args))
    metrics = list(dict.fromkeys(name for one in runs for name in one['metrics']))
    rows = [('config', 'parameters', 'steps', 'minutes', *metrics)]
    for config in args.configs:
        own = [one for one in runs if one['config'] == config]
        minutes = statistics.mean(one['seconds'] for one in own) / 60
        cells = [mean_and_deviation([one['metrics'][name] for one in own if name in one['metrics']]) for name in metrics]
        rows.append((config, f'{own[0]["parameters"]:,}', f'{own[0]["steps"]:,}', f'{minutes:.1f}', *cells))
    print(table(rows), flush=True)  # first: what follows may fail
    if args.out:
        write_text(args.out, json.dumps(runs, indent=1))


def mean_and_deviation(values: list[float]) -> str:
    """The mean, and with several values their standard deviation; a dash without any."""
    if not values:
        return '-'
    return f'{statistics.mean(values):.2f}' + (f' ({statistics.stdev(values):.2f})' if len(values) > 1 else '')


def train_and_test(config: str, seed: int, args: argparse.Namespace) -> dict:
    """One training, and the test of its best checkpoint or else its latest.

    Raises:
        RuntimeError: one of the two failed; its messages came before.
    """
    from ..checkpoints.files import load_checkpoint, read_state
    from ..checkpoints.find import find_weights, latest_checkpoint, step_of

    folder = args.work_dir / f'{Path(config).with_suffix("")}'.lstrip('/').replace('/', '_') / f'seed_{seed}'
    shared = ['--smoke-test', args.smoke_test] if args.smoke_test else []
    options = ['--cfg-options', *args.cfg_options] if args.cfg_options else []
    start = time.perf_counter()
    command('train', config, '--work-dir', str(folder), '--seed', str(seed), *shared, *options)
    seconds = time.perf_counter() - start
    out = folder / 'test.json'
    command('test', config, str(folder), '--work-dir', str(folder / 'test'), '--out', str(out), *shared, *options)
    state = read_state(load_checkpoint(find_weights(folder)))
    return dict(
        config=config,
        seed=seed,
        parameters=sum(value.numel() for key, value in state.items() if key.startswith('network.')),
        steps=step_of(latest_checkpoint(folder)),
        seconds=round(seconds, 1),
        metrics={name: value for name, value in json.loads(out.read_text()).items() if name != 'seconds'},
    )


def command(*arguments: str) -> None:
    """Run a command of mplug2 in a process of its own: what one run leaves behind reaches no other."""
    done = subprocess.run([sys.executable, '-m', 'mplug2.cli', *arguments])
    if done.returncode:
        raise RuntimeError(f'mplug2 {shlex.join(arguments)} failed with exit status {done.returncode}; its messages are above')
