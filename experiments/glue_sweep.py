"""Trains a GLUE config at every point of the paper's search space, and prints the best on dev.

    python experiments/glue_sweep.py text_classification/mplug2_base_rte
    python experiments/glue_sweep.py text_classification/mplug2_base_mnli --processes 8 --epochs 5 --learning-rates 3e-5 5e-5

The space (Appendix B.2.2): 5, 7 or 10 epochs, learning rates of 3e-5, 5e-5, 6e-5, 7e-5 or 1e-4, batch sizes of 32, 64 or 128.
The best score on dev is reported. Each run warms up over 6 % of its steps and validates once an epoch. Its best checkpoint is
kept in work_dirs/glue_sweep/CONFIG/...; a finished run is not repeated, and a stopped one continues. --list only prints the
runs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from mplug2 import registry
from mplug2.checkpoints.find import latest_checkpoint, read_best
from mplug2.config.load import load_config, tools_folder
from mplug2.registry import resolve
from mplug2.utils.files import write_text

EPOCHS, LEARNING_RATES, BATCHES = (5, 7, 10), (3e-5, 5e-5, 6e-5, 7e-5, 1e-4), (32, 64, 128)
WARM_UP = 0.06  # share of the steps; the paper gives none
OUT = Path('work_dirs/glue_sweep')
DONE = 'done.json'


class Point(NamedTuple):
    """A point of the search space: epochs, learning rate, and batch, the samples of a step over all processes."""

    epochs: int
    rate: float
    batch: int

    @property
    def name(self) -> str:
        return f'e{self.epochs}_lr{self.rate:g}_b{self.batch}'


def options(point: Point, samples: int, processes: int = 1) -> dict[str, object]:
    """Overrides of the config for a point.

    Args:
        samples: training samples. processes: of data parallel training.

    Raises:
        ValueError: the batch is not a multiple of the processes.
    """
    if point.batch % processes:
        raise ValueError(f'{processes} processes cannot share a batch of {point.batch} samples evenly')
    epoch = -(-samples // point.batch)
    warm_up = max(1, round(WARM_UP * point.epochs * epoch))
    return {
        'train_cfg.max_epochs': point.epochs,
        'train_cfg.val_interval': epoch,
        'default_hooks.checkpoint.interval': epoch,
        'optim_wrapper.optimizer.lr': point.rate,
        'train_dataloader.batch_size': point.batch // processes,
        'param_scheduler.0.end': warm_up,
        'param_scheduler.1.begin': warm_up,
    }


def command(config: str, point: Point, samples: int, folder: Path, processes: int, seed: int) -> list[str]:
    """Of a training, which goes on where the folder has a checkpoint."""
    changes = [f'{key}={value}' for key, value in options(point, samples, processes).items()]
    if processes == 1:
        start = [sys.executable, str(tools_folder() / 'train.py'), config]
    else:
        start = [str(tools_folder() / 'dist_train.sh'), config, str(processes)]
    resume = ['--resume'] if latest_checkpoint(folder) else []
    return [*start, '--work-dir', str(folder), '--seed', str(seed), *resume, '--cfg-options', *changes]


def training_samples(config: str) -> int:
    cfg = load_config(config).train_dataloader.dataset
    return len(registry.DATASETS.build(resolve(cfg | dict(pipeline=[]), registry.DATASETS)))


def score(config: str, point: Point, samples: int, out: Path, processes: int, seed: int) -> dict:
    """Train a point if it is not done; its best on dev, ``dict(folder, file, metric, score, iter)``.

    Raises:
        RuntimeError: the training failed, or its config keeps no best checkpoint.
    """
    folder = out / f'{point.name}_s{seed}'
    done = folder / DONE
    if not done.is_file():
        # dist_train.sh runs the first python of PATH: this one
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get('PATH', '')])
        ended = subprocess.run(
            command(config, point, samples, folder, processes, seed), env=os.environ | {'PATH': path}
        ).returncode
        if ended:
            raise RuntimeError(f'the training in {folder} ended with {ended}')
        best = read_best(folder)
        if best is None:
            raise RuntimeError(f'{folder} has no best checkpoint: the config needs default_hooks.checkpoint.save_best')
        write_text(done, json.dumps(best))
        for checkpoint in folder.glob('iter_*.pth'):  # only for resuming; those of many runs would fill the disk
            checkpoint.unlink()
    return json.loads(done.read_text()) | dict(folder=folder.name)


def table(scores: dict[Point, dict]) -> str:
    """Points, best first."""
    lines = ['  score  epochs     rate  batch  checkpoint']
    for point, best in sorted(scores.items(), key=lambda item: -item[1]['score']):
        lines.append(
            f'{best["score"]:7.2f}  {point.epochs:6d}  {point.rate:7g}  {point.batch:5d}  {best["folder"]}/{best["file"]}'
        )
    return '\n'.join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('config')
    parser.add_argument('--epochs', type=int, nargs='+', default=EPOCHS)
    parser.add_argument('--learning-rates', type=float, nargs='+', default=LEARNING_RATES)
    parser.add_argument('--batches', type=int, nargs='+', default=BATCHES)
    parser.add_argument('--processes', type=int, default=1, help='processes of each run, in data parallel')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--out', type=Path, default=OUT)
    parser.add_argument('--list', action='store_true')
    args = parser.parse_args()
    points = [Point(*values) for values in itertools.product(args.epochs, args.learning_rates, args.batches)]
    if args.list:
        print('\n'.join(point.name for point in points))
        return
    samples, out, scores = training_samples(args.config), args.out / Path(args.config).stem, {}
    for number, point in enumerate(points, start=1):
        scores[point] = score(args.config, point, samples, out, args.processes, args.seed)
        print(f'{number} of {len(points)}: {point.name}: {scores[point]["metric"]} {scores[point]["score"]:.2f}', flush=True)
    print(table(scores))


if __name__ == '__main__':
    main()
