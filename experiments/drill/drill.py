"""The drill: kills, full disks, corrupt inputs, hangs and hostile servers, at small size, with a table of what held.

    python experiments/drill/drill.py --data data/mini --out drill.json

A training is 12 steps of a tiny captioning model on the mini benchmark. Each runs in a child of this process, which has
imported everything; so it needs a system that forks. The exit status is 1 if anything did not hold.
docs/results/reliability.md has a table of it.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import random
import resource
import shutil
import signal
import sys
import tarfile
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from hostile import WAYS, serving
from PIL import Image
from ranks import lost_ranks

import mplug2.engine.runner
from mplug2.checkpoints import load_checkpoint
from mplug2.cli import main as mplug2
from mplug2.datasets import BadSampleError, ShardedPairs
from mplug2.datasets.io.bad_samples import AnnotationError
from mplug2.datasets.io.image import read_image
from mplug2.datasets.io.video import read_video
from mplug2.datasets.own import read_own
from mplug2.datasets.shards.writing import FetchError, fetch
from mplug2.datasets.transforms import LoadVideo
from mplug2.utils.files import write_text

ROOT = Path(__file__).parents[2]
TINY = ROOT / 'tests' / 'engine' / 'tiny_captioning.py'
LAST = 'iter_12.pth'


class Child(NamedTuple):
    """status: exit status, negative for a signal; None: it did not end in time. printed: its output."""

    status: int | None
    printed: str
    seconds: float


class Drill:
    """Counts what held.

    Args:
        folder: of its own. home: with ``data/mini``. seed: of all that is random.
    """

    def __init__(self, folder: Path, home: Path, seed: int) -> None:
        self.folder, self.home, self.random = folder, home, random.Random(seed)
        self.rows: list[dict] = []
        self._runs = 0

    @contextlib.contextmanager
    def row(self, what: str) -> Iterator[list[tuple[bool, str]]]:
        """A row of the table; tries are appended as (held, what happened)."""
        tries: list[tuple[bool, str]] = []
        start = time.perf_counter()
        yield tries
        failures = [note for held, note in tries if not held]
        row = dict(what=what, tries=len(tries), held=len(tries) - len(failures), seconds=round(time.perf_counter() - start, 1))
        self.rows.append(row | dict(failures=failures))
        print(
            f'{row["held"]:4} of {row["tries"]:4}  {row["seconds"]:7.1f} s  {what}', *failures[:3], sep='\n        ', flush=True
        )

    def start(
        self,
        work_dir: Path,
        *words: str,
        config: Path = TINY,
        before: Callable[[], None] | None = None,
        options: Sequence[str] = (),
    ) -> int:
        """Start a training in a child and return its process. before: called in the child."""
        self._runs += 1
        reading, writing = os.pipe()  # not a file, whose disk may be full
        child = os.fork()
        if child:
            os.close(writing)
            self._reader = threading.Thread(target=_drain, args=(reading, self.log), daemon=True)
            self._reader.start()
            return child
        status = 70
        try:
            os.dup2(writing, 1)
            os.dup2(writing, 2)
            os.chdir(self.home)
            if before is not None:
                before()
            named = (f'experiment_name=drill{self._runs}', *options)
            status = mplug2(['train', str(config), '--work-dir', str(work_dir), *words, '--cfg-options', *named])
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    @property
    def log(self) -> Path:
        """What the training that was started last prints."""
        return self.folder / f'run{self._runs}.out'

    def train(self, *words: Any, kill: tuple[float, int] | None = None, timeout: float = 300, **started: Any) -> Child:
        """`start` a training and wait for its end. kill: seconds after which it gets a signal."""
        start = time.perf_counter()
        child = self.start(*words, **started)
        if kill is not None:
            time.sleep(kill[0])
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, kill[1])
        status = self.wait(child, start + timeout)
        self._reader.join(5)
        return Child(status, self.log.read_text(errors='replace') if self.log.exists() else '', time.perf_counter() - start)

    @staticmethod
    def wait(child: int, until: float) -> int | None:
        while time.perf_counter() < until:
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.02)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        return None

    def fresh(self, name: str) -> Path:
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path


def _drain(reading: int, log: Path) -> None:
    with open(reading, 'rb') as pipe, open(log, 'wb', buffering=0) as file:
        while part := pipe.read1(2**16):
            file.write(part)


def last_line(child: Child) -> str:
    lines = child.printed.strip().splitlines()
    return f'{child.status}: {lines[-1][:200] if lines else ""}'


def same_weights(one: Path, other: Path) -> bool:
    ours, theirs = (load_checkpoint(path)['state_dict'] for path in (one, other))
    return ours.keys() == theirs.keys() and all(torch.equal(value, theirs[key]) for key, value in ours.items())


def attempt(
    check: Callable[[Path], bool],
    file: Path,
    failure: str,
    refusals: type[Exception] | tuple[type[Exception], ...],
    place: str = '',
) -> tuple[bool, str]:
    """A try of a row: what `check` says of a file, or whether an error refused the file by name.

    Args:
        failure: note where `check` returns False. refusals: errors that may be raised. place: what they name beside the file.
    """
    try:
        return check(file), failure
    except Exception as error:
        held = isinstance(error, refusals) and str(file) in str(error) and place in str(error)
        return held, f'{type(error).__name__}: {error}'[:200]


def has_pixels(read: Callable[[str], np.ndarray], file: Path) -> bool:
    return read(str(file)).dtype == np.uint8


def has_small_parts(file: Path) -> bool:
    dataset = ShardedPairs(str(file))
    return all(len(dataset[index]['content']) < 10**5 for index in range(len(dataset)))


def has_records(file: Path) -> bool:
    return bool(list(read_own(file)))


def kills(drill: Drill, count: int) -> Path:
    """Killed at any moment, a resumed run has the weights of one that was not, whose folder is returned."""
    whole = drill.fresh('whole')
    with drill.row('a training that nothing disturbs ends with status 0 and says what to do next') as tries:
        child = drill.train(whole)
        tries.append((child.status == 0 and 'next: mplug2 test' in child.printed, last_line(child)))
    with drill.row('killed (SIGKILL) at a random moment, resumed: the same weights to the bit, nothing left over') as tries:
        for number in range(count):
            work_dir = drill.fresh(f'killed{number}')
            for _ in range(2):
                drill.train(work_dir, '--resume', kill=(drill.random.uniform(0, child.seconds), signal.SIGKILL))
            resumed = drill.train(work_dir, '--resume')
            equal = resumed.status == 0 and same_weights(work_dir / LAST, whole / LAST)
            tries.append((equal and not list(work_dir.glob('.*.tmp')), last_line(resumed)))
    for number, name in ((signal.SIGINT, 'Ctrl-C'), (signal.SIGTERM, 'SIGTERM')):
        with drill.row(f'{name} at a random moment: status 130, or a checkpoint and 0; no traceback') as tries:
            for turn in range(count):
                work_dir = drill.fresh(f'{name}{turn}')
                stopped = drill.train(work_dir, kill=(drill.random.uniform(0.2, child.seconds), number))
                held = stopped.status == 130 or (stopped.status == 0 and bool(list(work_dir.glob('iter_*.pth'))))
                tries.append((held and 'Traceback' not in stopped.printed, last_line(stopped)))
    return whole


def second_run(drill: Drill) -> None:
    with drill.row('a second run in a work directory is refused, names the first, and changes nothing') as tries:
        work_dir = drill.fresh('shared')
        first = drill.start(work_dir, options=('train_cfg.max_iters=100000', 'train_cfg.val_begin=999999'))
        until = time.perf_counter() + 120
        while not list(work_dir.glob('iter_*')) and time.perf_counter() < until:
            time.sleep(0.1)
        second = drill.train(work_dir)
        tries.append(
            (second.status == 1 and f'is in use by another run, process {first} on ' in second.printed, last_line(second))
        )
        tries.append((not list(work_dir.glob('before_*')), 'the first run has lost checkpoints'))
        os.kill(first, signal.SIGKILL)
        os.waitpid(first, 0)


def disks(drill: Drill) -> None:
    """A limit on the size of files simulates a full disk: writes beyond it fail."""
    with drill.row('the disk is full: status 1, a sentence that names the file, nothing half-written') as tries:
        for size in (0, 2000, 200_000):
            work_dir = drill.fresh(f'full{size}')

            def full(size: int = size) -> None:
                signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
                resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))

            child = drill.train(work_dir, before=full)
            halves = [path.name for path in work_dir.glob('*') if path.suffix in ('.pth', '.tmp')]
            tries.append((child.status == 1 and not halves, f'{last_line(child)} {halves}'))


def damaged_checkpoints(drill: Drill, whole: Path, count: int) -> None:
    content = (whole / LAST).read_bytes()

    def cut() -> bytes:
        return content[: drill.random.randrange(len(content))]

    def flip() -> bytes:
        changed = bytearray(content)
        changed[drill.random.randrange(len(content))] ^= 1 << drill.random.randrange(8)
        return bytes(changed)

    with drill.row('a checkpoint that is cut or has a changed bit: refused by name, or read with the right weights') as tries:
        for number in range(count):
            file = drill.folder / 'damaged.pth'
            file.write_bytes((cut, flip)[number % 2]())
            tries.append(attempt(partial(same_weights, whole / LAST), file, 'other weights', RuntimeError))
    with drill.row('resuming beside a damaged newest checkpoint goes back to the one before') as tries:
        work_dir = drill.fresh('back')
        shutil.copytree(whole, work_dir)
        (work_dir / LAST).write_bytes(content[: len(content) // 2])
        child = drill.train(work_dir, '--resume')
        tries.append((child.status == 0 and same_weights(work_dir / LAST, whole / LAST), last_line(child)))


def corrupt_media(drill: Drill, count: int) -> None:
    sources = [(next((drill.home / 'data/mini').glob('coco/train2014/*.jpg')), read_image)]
    sources.append(
        (next((drill.home / 'data/mini').glob('msrvtt/videos/*.mp4')), lambda path: read_video(path, lambda n: [0, n - 1]))
    )
    stream = io.BytesIO()
    Image.fromarray(np.arange(3072, dtype=np.uint8).reshape(32, 32, 3)).save(stream, 'PNG')
    (drill.folder / 'a.png').write_bytes(stream.getvalue())
    sources.append((drill.folder / 'a.png', read_image))
    with drill.row('images and clips with changed, lost or added bytes: pixels, or an error that names the file') as tries:
        for number in range(count):
            source, read = sources[number % len(sources)]
            content = bytearray(source.read_bytes())
            for _ in range(drill.random.choice((1, 10, 100))):
                content[drill.random.randrange(len(content))] = drill.random.randrange(256)
            if number % 4 == 3:
                del content[drill.random.randrange(len(content)) :]
            file = drill.folder / f'corrupt{source.suffix}'
            file.write_bytes(bytes(content))
            tries.append(attempt(partial(has_pixels, read), file, 'no pixels', BadSampleError))


def corrupt_shards(drill: Drill, count: int) -> None:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode='w') as tar:
        for number in range(4):
            for suffix, part in (('jpg', b'\xff\xd8' + bytes(600)), ('txt', b'a dog')):
                member = tarfile.TarInfo(f'{number}.{suffix}')
                member.size = len(part)
                tar.addfile(member, io.BytesIO(part))
    with drill.row('tar files with changed bytes: samples, or an error that names the file; memory stays small') as tries:
        for _ in range(count):
            content = bytearray(stream.getvalue())
            for _ in range(drill.random.choice((1, 5, 30))):
                content[drill.random.randrange(len(content))] = drill.random.randrange(256)
            folder = drill.fresh('tars')
            folder.mkdir()
            file = folder / '0.tar'
            file.write_bytes(bytes(content))
            tries.append(attempt(has_small_parts, file, 'large parts', (BadSampleError, AnnotationError)))


def wrong_types(drill: Drill) -> None:
    values = [None, True, 5, 1.5, 'x', [], [1], {}, [[]], [None], float('nan'), 10**30]
    line = dict(
        media='a.jpg', caption='a dog', question='q', answers=['a'], label=1, phrase='p', box=[1, 2, 3, 4], split='train'
    )
    with drill.row('values of other types in annotations: read, or refused by file, record and key') as tries:
        for key in line:
            for value in values:
                file = drill.folder / 'own.jsonl'
                file.write_text(json.dumps(line | {key: value}))
                held, note = attempt(has_records, file, 'no records', AnnotationError, 'record 1')
                tries.append((held, f'{key}={value!r}: {note}'))


def hangs(drill: Drill) -> None:
    with drill.row('a read that never returns: named with sample and file, and the run ends') as tries:

        def hang(*_: object) -> None:
            time.sleep(1000)

        for workers in (0, 1):
            work_dir = drill.fresh(f'hang{workers}')
            options = ['default_hooks.watchdog.warn_after=1', 'default_hooks.watchdog.end_after=3']
            options += [f'train_dataloader.num_workers={workers}']
            options = tuple(f'+{option}' if 'watchdog' in option else option for option in options)
            child = drill.train(work_dir, before=lambda: setattr(LoadVideo, 'transform', hang), options=options, timeout=120)
            named = 'is reading sample' in child.printed and '.mp4' in child.printed
            tries.append((child.status == 1 and named, last_line(child)))


def servers(drill: Drill) -> None:
    what = 'servers that cut, drip, loop, lie, lead elsewhere or never end: an error in time, few bytes'
    with drill.row(what) as tries, serving() as url:
        for way in WAYS:
            start = time.perf_counter()
            try:
                fetch(f'{url}/{way}', 1.0, max_bytes=10**6)
                held, note = way == 'bad_length', 'fetched'  # to the end of the connection: two bytes
            except FetchError as error:
                held, note = True, str(error)
            seconds = time.perf_counter() - start
            tries.append((held and seconds < 15, f'{way}: {note}, {seconds:.1f} s'))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--data', type=Path, default=Path('data/mini'), help='the mini benchmark')
    parser.add_argument('--out', type=Path, help='write the table here as JSON')
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--count', type=int, default=6, help='kills of each kind; of damaged files there are ten times as many')
    parser.add_argument('--parts', nargs='*', help='kills, second_run, disks, media, shards, types, hangs, ranks, servers; all')
    args = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / 'home'
        (home / 'data').mkdir(parents=True)
        (home / 'data/mini').symlink_to(args.data.resolve())
        drill = Drill(Path(folder), home, args.seed)
        parts: dict[str, Callable[[], object]] = dict(
            kills=lambda: damaged_checkpoints(drill, kills(drill, args.count), 10 * args.count),
            second_run=lambda: second_run(drill),
            disks=lambda: disks(drill),
            media=lambda: corrupt_media(drill, 10 * args.count),
            shards=lambda: corrupt_shards(drill, 10 * args.count),
            types=lambda: wrong_types(drill),
            hangs=lambda: hangs(drill),
            ranks=lambda: lost_ranks(drill),
            servers=lambda: servers(drill),
        )
        for part in args.parts or parts:
            parts[part]()
    if args.out:
        write_text(args.out, json.dumps(drill.rows, indent=1))
    sys.exit(any(row['held'] < row['tries'] for row in drill.rows))


if __name__ == '__main__':
    main()
