"""``mplug2 predict --out FOLDER`` with the shipped model, in this process."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mplug2 import batch
from mplug2.cli import main

pq = pytest.importorskip('pyarrow.parquet')


@pytest.mark.slow
def test_a_folder_is_captioned_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(batch, 'run_parts', lambda start, parts, *how: map(start(), parts) if parts else [])
    images, out = tmp_path / 'images', tmp_path / 'out'
    images.mkdir()
    for number in range(3):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 40, 3), np.uint8)
        Image.fromarray(pixels).save(images / f'{number}.png')
    (images / '3.png').write_bytes(b'none')
    command = ['predict', 'mini/image_captioning', 'mplug2_tiny', str(images), '--method', 'caption', '--out', str(out)]
    assert main(command) == 1  # a bad sample
    rows = pq.read_table(out / 'files-00000.parquet').to_pylist()
    assert [row['key'] for row in rows] == ['0.png', '1.png', '2.png', '3.png']
    assert all(row['text'] and row['error'] is None for row in rows[:3])
    assert rows[3]['text'] is None
    assert rows[3]['error']
    assert '4 samples, 1 bad' in capsys.readouterr().err
    assert main(command) == 0  # nothing is left to be done
    assert '1 of 1 parts are done' in capsys.readouterr().err
    assert main([*command, '--format', 'webdataset']) == 1
    assert 'holds a batch with other format' in capsys.readouterr().err
    assert main([*command, '--segment', '2']) == 1
    assert '--segment does not go with it' in capsys.readouterr().err
