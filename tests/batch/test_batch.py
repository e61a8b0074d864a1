"""Batches: every key once, whoever works, also when a worker is killed; done parts are left alone."""

from __future__ import annotations

import io
import json
import os
import signal
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mplug2.batch import Job, Part, Report, parts_of, prepare, run_parts
from mplug2.batch.work import Worker

pq = pytest.importorskip('pyarrow.parquet')


def image_of(colour: int) -> bytes:
    file = io.BytesIO()
    Image.new('RGB', (4, 4), (colour, 0, 0)).save(file, 'PNG')
    return file.getvalue()


class Reader:
    """Says the red of an image."""

    def caption(self, inputs: Iterable[bytes | str]) -> Iterator[Any]:
        from mplug2.apis.results import Result  # here, so that the processes of the engines import no PyTorch

        for value in inputs:
            try:
                image = Image.open(io.BytesIO(value) if isinstance(value, bytes) else value)
                red = image.convert('RGB').getpixel((0, 0))[0]
                yield Result('image', text=f'red {red}', score=0.5, embedding=np.full(2, red, np.float32))
            except OSError:
                yield Result('image', error='no image')


def worker(out: Path, format: str = 'parquet') -> Worker:
    return Worker(Job(str(out), {}, 'caption', format=format), Reader())


def fragile(out: Path, fatal: str) -> Callable[[Part], Report]:
    """A worker that notes what it does, and is killed at the first try of a part."""

    def work(part: Part) -> Report:
        marker = out / 'killed'
        if part.name == fatal and not marker.exists():
            marker.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        (out / part.name).write_text(part.shard)
        return Report(part.name, len(part.shard), 0)

    return work


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Three shards: images 0 to 8, one of which is none, and a sample without an image."""
    from mplug2.datasets.shards.writing import ShardWriter

    for shard in range(3):
        with ShardWriter(tmp_path / 'shards' / f'{shard:05d}.tar') as writer:
            for number in range(3 * shard, 3 * shard + 3):
                writer.add(f'{number:08d}', {'png': b'none' if number == 4 else image_of(number)})
            if shard == 2:
                writer.add('text', {'txt': b'words'})
    return tmp_path / 'shards'


EXPECTED = {f'{n // 3:05d}/{n:08d}': None if n == 4 else f'red {n}' for n in range(9)} | {'00002/text': None}


def read(out: Path) -> dict[str, str | None]:
    rows = [row for path in sorted(out.glob('*.parquet')) for row in pq.read_table(path).to_pylist()]
    assert len({row['key'] for row in rows}) == len(rows)
    assert all((row['error'] is None) == (row['text'] is not None) for row in rows)
    return {row['key']: row['text'] for row in rows}


@pytest.mark.slow
@pytest.mark.parametrize('engine', ['processes', 'ray'])
def test_a_killed_worker_loses_nothing_and_doubles_nothing(engine: str, tmp_path: Path) -> None:
    if engine == 'ray':
        pytest.importorskip('ray')
    parts = [Part(f'{number}', 'x' * number) for number in range(5)]
    reports = list(run_parts(partial(fragile, tmp_path, '2'), parts, engine, num_workers=2))
    assert sorted(reports) == [(f'{number}', number, 0) for number in range(5)]
    assert sorted(path.name for path in tmp_path.iterdir()) == ['0', '1', '2', '3', '4', 'killed']


@pytest.mark.slow
def test_a_worker_killed_between_two_reports_loses_nothing(tmp_path: Path) -> None:
    """Whoever reads the reports takes his time, so the pool is broken when the next part is handed out."""
    parts = [Part(f'{number}', 'x') for number in range(6)]
    reports = []
    for report in run_parts(partial(fragile, tmp_path, '1'), parts, num_workers=2):
        reports.append(report.part)
        time.sleep(0.5)
    assert sorted(reports) == [part.name for part in parts]


def test_done_parts_are_left_alone_and_others_not_mixed_in(shards: Path, tmp_path: Path) -> None:
    job = Job(str(tmp_path / 'out'), {}, 'caption')
    parts = parts_of([str(shards)])
    work = worker(tmp_path / 'out')
    work(prepare(job, parts)[2])
    before = job.path(parts[2]).stat().st_mtime_ns
    (tmp_path / 'out' / '.00000.parquet.1.tmp').touch()  # of a worker that was killed
    assert prepare(job, parts) == parts[:2]
    assert not list((tmp_path / 'out').glob('.*.tmp'))
    for part in parts[:2]:
        work(part)
    assert read(tmp_path / 'out') == EXPECTED
    assert job.path(parts[2]).stat().st_mtime_ns == before
    with pytest.raises(ValueError, match='holds a batch with other inputs'):
        prepare(job, parts[:1])
    with pytest.raises(ValueError, match='holds a batch with other method'):
        prepare(Job(job.out, {}, 'embed'), parts)


def test_members_lie_under_the_keys_of_the_inputs(shards: Path, tmp_path: Path) -> None:
    from mplug2.datasets.shards.files import RangeReader
    from mplug2.datasets.shards.index import load_index, read_members

    work = worker(tmp_path / 'out', 'webdataset')
    job = work.job
    (part,) = parts_of([str(shards / '00001.tar')])
    assert work(part) == ('00001', 3, 1)
    starts = load_index(str(job.path(part))).starts
    members = [read_members(RangeReader().read(str(job.path(part)), *starts[n : n + 2].tolist()), '') for n in range(3)]
    assert [key for key, _ in members] == ['00000003', '00000004', '00000005']
    assert json.loads(members[0][1]['json'])['text'] == 'red 3'
    assert np.load(io.BytesIO(members[2][1]['npy'])).tolist() == [5, 5]


def test_folders_of_files(tmp_path: Path) -> None:
    (tmp_path / 'a' / 'b').mkdir(parents=True)
    for name, colour in (('x.png', 1), ('b/x.png', 2)):
        (tmp_path / 'a' / name).write_bytes(image_of(colour))
    (part,) = parts_of([str(tmp_path / 'a')])
    worker(tmp_path / 'out')(part)
    assert read(tmp_path / 'out') == {'b/x.png': 'red 2', 'x.png': 'red 1'}
    with pytest.raises(ValueError, match=r"two files are called 'x.png'"):
        parts_of([str(tmp_path / 'a'), str(tmp_path / 'a' / 'x.png')])


@pytest.mark.parametrize(('wrong', 'message'), [(('dask', 1), "not 'dask'"), (('processes', 0), 'at least 1, not 0')])
def test_engines_that_do_not_exist_are_refused(wrong: tuple[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_parts(partial(fragile, Path(), ''), [Part('a')], *wrong)
