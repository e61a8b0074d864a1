"""Trains over damaged shards and watches memory: a captioner, tiny, over shards of which 1 % of the images are corrupt, two
are cut off, and one caption is empty.

    python experiments/day_in_the_life.py --steps 2000

Prints the resident memory of the process and of its loader's workers every so many steps, and how many bad samples were
counted against how many there are. Ends with 1 if they differ, or if memory grew by more than 5 % after the first fifth.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import sys
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from mmengine.hooks import Hook
from PIL import Image

from mplug2.config.load import load_config
from mplug2.datasets.shards.index import load_index
from mplug2.datasets.shards.writing import ShardWriter
from mplug2.engine.runner import build_runner

COLOURS = dict(red=(220, 30, 30), green=(30, 180, 60), blue=(40, 60, 220), white=(240, 240, 240))
SIDE = 40
CORRUPT = 0.01
GROWTH = 0.05


class Day(NamedTuple):
    """rows: (step, resident bytes of the process, of its workers, bad samples counted so far). bad: those that there are."""

    rows: list[tuple[int, int, int, int]]
    bad: int

    @property
    def counted(self) -> int:
        return self.rows[-1][3]

    @property
    def growth(self) -> float:
        """Of all memory, from the first fifth of the rows to the most after it, as a share."""
        totals = [process + workers for _, process, workers, _ in self.rows]
        start = len(totals) // 5
        return max(totals[start:]) / totals[start] - 1


def write_damaged_shards(folder: Path, samples: int, per_shard: int = 500, seed: int = 0) -> int:
    """Write shards with all the damage; returns how many of the samples that can be found are bad."""
    generator = np.random.default_rng(seed)
    corrupt = set(generator.choice(samples, max(1, round(CORRUPT * samples)), replace=False).tolist())
    silent = next(number for number in range(samples) if number not in corrupt)
    folder.mkdir(parents=True, exist_ok=True)
    shards = []
    for first in range(0, samples, per_shard):
        shards.append(folder / f'{first // per_shard:05d}.tar')
        with ShardWriter(shards[-1]) as shard:
            for number in range(first, min(samples, first + per_shard)):
                name = list(COLOURS)[generator.integers(len(COLOURS))]
                pixels = generator.normal(COLOURS[name], 20, (SIDE, SIDE, 3)).clip(0, 255).astype(np.uint8)
                stream = io.BytesIO()
                Image.fromarray(pixels).save(stream, 'JPEG')
                content = stream.getvalue()
                if number in corrupt:
                    content = content[: len(content) // 2]
                text = '' if number == silent else f'a small {name} zero'
                shard.add(f'{number:09d}', {'jpg': content, 'txt': text.encode()})
    bad = {silent, *corrupt}
    for place in (1, 2):  # the second and the third, if there are so many, are cut off in the middle of an image
        if place < len(shards):
            starts = load_index(str(shards[place])).starts
            last = len(starts) * 3 // 4
            shards[place].write_bytes(shards[place].read_bytes()[: int(starts[last]) + 700])
            lost = range(place * per_shard + last + 1, min(samples, (place + 1) * per_shard))
            bad = {number for number in bad if number not in lost} | {place * per_shard + last}
    return len(bad)


def resident(process: int | str) -> int:
    """Resident bytes of a process."""
    lines = Path(f'/proc/{process}/status').read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith('VmRSS'))


class Watch(Hook):
    """Notes memory and bad samples every `interval` steps."""

    def __init__(self, interval: int) -> None:
        self.interval = interval
        self.rows: list[tuple[int, int, int, int]] = []

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if (batch_idx + 1) % self.interval == 0:
            workers = sum(resident(child.pid) for child in multiprocessing.active_children())
            bad = runner.train_dataloader.dataset.bad_samples.count
            self.rows.append((batch_idx + 1, resident('self'), workers, bad))
            print(line(self.rows[-1]), flush=True)


def line(row: tuple[int, int, int, int]) -> str:
    step, process, workers, bad = row
    return f'{step:6,} steps  {process / 1e6:8.1f} MB  workers {workers / 1e6:8.1f} MB  {bad:4} bad samples'


def live(folder: Path, steps: int, samples: int, batch: int, interval: int, workers: int) -> Day:
    """Write the shards, train over them, and watch."""
    bad = write_damaged_shards(folder / 'shards', samples, per_shard=max(1, samples // 8))
    cfg = load_config('mini/image_captioning')
    # Names, because MMEngine cannot print a config to which a class was added.
    tokenizer = dict(type='BertTokenizer', vocab='mini')
    pipeline = [
        dict(type='LoadImage'),
        dict(type='Resize', size=SIDE),
        dict(type='TokenizeText', tokenizer=tokenizer, instruction='captioning'),
        dict(type='TokenizeTarget', tokenizer=tokenizer, key='captions'),
        dict(type='PackInputs', fields=['captions']),
    ]
    cfg.train_dataloader = dict(
        batch_size=batch,
        num_workers=workers,
        sampler=dict(type='ResumableSampler'),
        dataset=dict(
            type='ShardedPairs',
            shards=str(folder / 'shards'),
            pipeline=pipeline,
            bad_samples=dict(policy='replace', max_bad=bad),
        ),
    )
    for module in filter(lambda value: isinstance(value, dict), cfg.model.network.values()):
        module.update(width=32, num_heads=2, ffn_dim=48, num_layers=1)
    cfg.model.network.universal.update(num_layers=2, num_queries=4)
    cfg.model.network.vision_encoder.update(image_size=SIDE, patch_size=SIDE // 2)
    cfg.merge_from_dict({'train_cfg.max_iters': steps})
    cfg.default_hooks.checkpoint.update(interval=steps + 1, save_best=None)
    cfg.param_scheduler, cfg.load_from, cfg.model.init_cfg = None, None, None
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.work_dir, cfg.log_level = str(folder / 'work'), 'ERROR'
    runner = build_runner(cfg)
    watch = Watch(interval)
    runner.register_hook(watch)
    runner.train()
    return Day(watch.rows, bad)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--steps', type=int, default=2000)
    parser.add_argument('--samples', type=int, default=4000, help='in the shards (default 4,000)')
    parser.add_argument('--batch', type=int, default=8)
    parser.add_argument('--interval', type=int, default=200, help='steps between two looks at memory (default 200)')
    parser.add_argument('--workers', type=int, default=2)
    args = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        day = live(Path(folder), args.steps, args.samples, args.batch, args.interval, args.workers)
    print(f'{day.counted} bad samples counted of {day.bad}; memory grew by {day.growth:.1%} after the first fifth')
    return int(day.counted != day.bad or day.growth > GROWTH)


if __name__ == '__main__':
    sys.exit(main())
