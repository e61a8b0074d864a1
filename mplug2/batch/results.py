"""Files of results: a Parquet table or a tar in webdataset's layout for each part, which appear when they are complete."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from ..utils.files import replacing

ROWS = 1024  # that are held before they are written
COLUMNS = ('key', 'text', 'score', 'similarity', 'embedding', 'error', 'more')

Rows = Iterable[tuple[str, dict[str, Any]]]


def write_parquet(path: Path, rows: Rows) -> None:
    """Write key and content (`Result.to_dict`) of samples. ``more`` holds, as JSON, what has no column of its own.

    Raises:
        ModuleNotFoundError: pyarrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(f'Parquet files need {error.name}: pip install "mplug2[ray]"', name=error.name) from None
    kinds = (pa.string(), pa.string(), pa.float64(), pa.float64(), pa.list_(pa.float32()), pa.string(), pa.string())
    schema = pa.schema(list(zip(COLUMNS, kinds, strict=True)))
    with replacing(path) as temporary, pq.ParquetWriter(temporary, schema) as writer:
        held: list[dict[str, Any]] = []
        for key, content in rows:
            more = {name: value for name, value in content.items() if name not in (*COLUMNS, 'source')}
            held.append({'key': key, **content, 'more': json.dumps(more) if more else None})
            if len(held) == ROWS:
                writer.write_table(pa.Table.from_pylist(held, schema))
                held.clear()
        writer.write_table(pa.Table.from_pylist(held, schema))


def write_members(path: Path, rows: Rows) -> None:
    """Write members ``KEY.json`` and, of embeddings, ``KEY.npy``, under the keys of the part's samples."""
    from ..datasets.shards.writing import ShardWriter

    with ShardWriter(path) as writer:
        for key, content in rows:
            embedding = content.pop('embedding', None)
            parts = {'json': json.dumps({'key': key} | content).encode()}
            if embedding is not None:
                buffer = io.BytesIO()
                np.save(buffer, np.asarray(embedding, np.float32))
                parts['npy'] = buffer.getvalue()
            writer.add(key.removeprefix(f'{path.stem}/').replace('.', '_'), parts)


FORMATS = {'parquet': ('.parquet', write_parquet), 'webdataset': ('.tar', write_members)}
