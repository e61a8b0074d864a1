"""Files that are whole or not there."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from mplug2.utils.files import replace_file, sweep_temporary, write_text


def test_a_full_disk_leaves_the_old_file_and_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / 'made' / 'result.json'
    write_text(path, 'ä')
    assert path.read_text(encoding='utf-8') == 'ä'

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, 'fsync', full)
    with pytest.raises(OSError, match=f'No space left on device: .{path}'):
        replace_file(path, lambda file: file.write(b'new'))
    assert [file.name for file in path.parent.iterdir()] == ['result.json']
    assert path.read_text(encoding='utf-8') == 'ä'


def test_what_killed_processes_left_is_swept(tmp_path: Path) -> None:
    (tmp_path / '.iter_4.shards.tmp').mkdir()
    (tmp_path / '.iter_4.shards.tmp' / 'shard-1.safetensors').touch()
    for name in ('.best.json.0f.tmp', '.iter_4.pth.0f.tmp', 'iter_4.pth', 'notes.tmp'):
        (tmp_path / name).touch()
    sweep_temporary(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ['iter_4.pth', 'notes.tmp']
