"""Records in one block of bytes."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import pytest

from mplug2.datasets.io.record_block import RecordBlock
from mplug2.datasets.own import JsonlDataset


def test_records_come_back_as_they_were() -> None:
    records = [dict(sample_id=number, captions=['a', 'b'][: number % 3], box=[0.5, number]) for number in range(5)]
    block = RecordBlock(record for record in records)
    assert len(block) == 5
    assert list(block) == records
    assert block[-1] == records[-1]
    block[1]['captions'].append('c')
    assert block[1] == records[1], 'a caller has a copy'
    with pytest.raises(IndexError):
        block[5]


def test_some_of_the_records(tmp_path: Path) -> None:
    file = tmp_path / 'own.jsonl'
    file.write_text(''.join(json.dumps(dict(media=f'{n}.jpg', label=n, split='train')) + '\n' for n in range(6)))
    data = JsonlDataset(ann_file=file, target='label', indices=2)
    assert [data.record(index)['label'] for index in range(len(data))] == [0, 1]
    assert data.num_labels == 2
    data = JsonlDataset(ann_file=file, target='label', indices=[4, 0])
    assert [data.record(index)['label'] for index in range(len(data))] == [4, 0]
    assert data.num_labels == 5


def test_a_long_file_is_read_in_little_memory(tmp_path: Path) -> None:
    file, lines = tmp_path / 'own.jsonl', 3_000
    with file.open('w') as stream:
        for number in range(lines):
            stream.write(json.dumps(dict(media=f'images/{number:09}.jpg', caption=f'the caption of image {number}')) + '\n')
    tracemalloc.start()
    try:
        data = JsonlDataset(ann_file=file)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(data) == lines
    assert peak < 550 * lines, 'bytes; two blocks take 360 a line, and a list of dicts in place of either 660 and more'
