"""Packed text: documents are concatenated and cut into rows of equal length.

A row is ``[CLS]``, then a piece of the stream of documents, in which each document ends with ``[SEP]``. Rows are made once, by
``tools/data/shards_text.py``; training reads them from shards, sample i being row i.
"""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...registry import DATASETS, TOKENIZERS
from ..io.annotations import Files, as_list
from ..io.bad_samples import AnnotationError, BadSampleError
from .dataset import ShardedDataset
from .files import is_remote, read_whole

if TYPE_CHECKING:
    from ..shapes import SampleShape
    from ..stand_ins import MiniBenchmark

DESCRIPTION = 'packing.json'  # beside the shards
ROW = 128  # tokens of a row, if no shards give another number
_PROBE = 'Two tokenizers that read this sentence alike, 1234 and Größe included, are the same.'


class Packer:
    """Packs documents into rows of `length` ids.

    Args:
        tokenizer: with ``pieces``, ``cls_id``, ``sep_id``. rest: of an earlier packer, to go on where it stopped.

    Attributes:
        rest: ids that are not in a row yet.

    Raises:
        ValueError: `length` leaves no room beside ``[CLS]``.
    """

    def __init__(self, tokenizer: Any, length: int, rest: Sequence[int] = ()) -> None:
        if length < 2:
            raise ValueError(f'rows of {length} tokens have no room for text: the first is [CLS]')
        self.tokenizer, self.length, self.rest = tokenizer, length, list(rest)

    def add(self, document: str) -> list[list[int]]:
        """Add a document; returns the rows that are now full."""
        ids = self.tokenizer.pieces(document)
        if ids:
            self.rest += [*ids, self.tokenizer.sep_id]
        room = self.length - 1
        full = len(self.rest) // room * room
        rows = [[self.tokenizer.cls_id, *self.rest[start : start + room]] for start in range(0, full, room)]
        del self.rest[:full]
        return rows

    def finish(self) -> list[list[int]]:
        """The last row, which may be shorter, if ids are left."""
        rows = [[self.tokenizer.cls_id, *self.rest]] if self.rest else []
        self.rest = []
        return rows


def row_bytes(ids: list[int], vocab_size: int) -> bytes:
    """A row as the content of a ``.npy`` file, two bytes an id where the vocabulary allows."""
    stream = io.BytesIO()
    np.save(stream, np.array(ids, np.uint16 if vocab_size <= 2**16 else np.uint32))
    return stream.getvalue()


def read_npy(content: bytes) -> np.ndarray:
    """The array of a ``.npy`` file's bytes.

    Raises:
        ValueError: no such file, or one whose header claims another size than the bytes that follow, or Python objects.
    """
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}.get(version)
    if read is None:
        raise ValueError(f'version {version} of the format')
    shape, _, kind = read(stream)
    size = math.prod(shape) * kind.itemsize
    if kind.hasobject or size != len(content) - stream.tell():
        raise ValueError(f'its header claims {shape} of {kind}, and {len(content) - stream.tell()} bytes follow')
    return np.frombuffer(content, kind, offset=stream.tell()).reshape(shape)


def describe_packing(tokenizer: Any, length: int) -> dict:
    """How rows are packed, for `PackedText` to check."""
    return dict(length=length, vocab_size=tokenizer.vocab_size, probe=tokenizer.pieces(_PROBE))


@DATASETS.register_module()
class PackedText(ShardedDataset):
    """Text packed to length, from the shards of ``tools/data/shards_text.py``.

    Field: ``text``, a list of ids, which `PackInputs` takes without tokenizing.

    Args:
        tokenizer: config of the model's tokenizer, checked against that of the rows. shards, kwargs: of `ShardedDataset`.

    Raises:
        AnnotationError: the rows are of another tokenizer, or the description is missing.
    """

    def __init__(self, shards: Files, tokenizer: dict | Any, **kwargs: Any) -> None:
        self.tokenizer = TOKENIZERS.build(tokenizer) if isinstance(tokenizer, dict) else tokenizer
        super().__init__(shards, 'text', **kwargs)
        for folder in sorted({path.rpartition('/')[0] for path in self.shards}):
            self.length = _check(folder, self.tokenizer)

    def fill(self, record: dict, where: str, parts: dict[str, bytes]) -> None:
        if 'npy' not in parts:
            raise BadSampleError(f'{where}: no .npy of token ids among its parts, which are {", ".join(parts)}')
        try:
            ids = read_npy(parts['npy'])
        except (ValueError, EOFError, OSError) as error:
            raise BadSampleError(f'{where}: its .npy is cut off or none ({error})') from None
        if ids.ndim != 1 or not len(ids) or int(ids.max()) >= self.tokenizer.vocab_size:
            raise BadSampleError(f'{where}: its .npy holds no row of token ids below {self.tokenizer.vocab_size}')
        record.update(path=f'{where}.npy', text=ids.tolist())

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        """The rows' length, from their shards if available, else `ROW`."""
        for shards in as_list(cfg.get('shards') or []):
            folder = Path(shards).parent if str(shards).endswith('.tar') else Path(shards)
            if (folder / DESCRIPTION).is_file():
                return shape._replace(text=json.loads((folder / DESCRIPTION).read_text(encoding='utf-8'))['length'])
        return shape._replace(text=ROW)

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        from .stand_in import text_shards

        return dict(shards=text_shards(mini.root), index_dir=None, tokenizer=dict(type='BertTokenizer', vocab='mini'))


def _check(folder: str, tokenizer: Any) -> int:
    """Check that the rows are of this tokenizer; returns their length."""
    path = f'{folder}/{DESCRIPTION}' if is_remote(folder) or folder else DESCRIPTION
    try:
        made = json.loads(read_whole(path, lambda file: file.read()))
    except FileNotFoundError:
        raise AnnotationError(f'{path} is missing, which says how the rows were packed: it belongs beside the shards') from None
    mine = describe_packing(tokenizer, made['length'])
    if made != mine:
        raise AnnotationError(
            f'{path}: the rows were packed with another vocabulary ({made["vocab_size"]:,} entries) than this tokenizer has '
            f'({mine["vocab_size"]:,}): pack them anew with tools/data/shards_text.py'
        )
    return made['length']
