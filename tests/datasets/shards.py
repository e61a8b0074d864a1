"""Small shards whose captions say which sample they are."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image


def jpeg(value: int = 100, side: int = 24) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), value, np.uint8)).save(stream, 'JPEG')
    return stream.getvalue()


def write_shard(path: Path, samples: list[dict[str, bytes]], keys: list[str] | None = None, **options) -> Path:
    """As other programs write them: with `tarfile`, a dict of contents by suffix a sample."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, 'w', **options) as tar:
        for place, parts in enumerate(samples):
            key = keys[place] if keys else f'{path.stem}{place:04d}'
            for suffix, content in parts.items():
                member = tarfile.TarInfo(f'{key}.{suffix}')
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def pairs(count: int, first: int = 0) -> list[dict[str, bytes]]:
    """Samples n with the grey value 5 n and the caption 'sample n', in img2dataset's form."""
    return [
        {
            'jpg': jpeg(5 * number),
            'txt': f'sample {number}'.encode(),
            'json': json.dumps(dict(caption=f'sample {number}', status='success')).encode(),
        }
        for number in range(first, first + count)
    ]


def cut(path: Path, size: int) -> None:
    """Cut a file off."""
    content = path.read_bytes()
    path.write_bytes(content[:size])
