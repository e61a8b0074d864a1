"""A searchable index of a collection's images and clips, on disk: embedded once, then found by text."""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ..utils.files import replace_file, replacing, write_text
from .inferencer import Inferencer
from .inputs import Media, segments
from .readout import embedding_of, results_of
from .results import Result

HEAD = 'index.json'
SHARD_ROWS = 8192  # embeddings that are held until they are written; a file's own stay together
FAISS_FROM = 40_000  # rows of a kind; fewer are searched exactly in no time
FAISS_PROBES = 32  # cells that are looked into


class IndexedPart(NamedTuple):
    """One row: a file, or a part of a clip. kind: what its text is embedded for. size, changed: of the file, in bytes and
    nanoseconds. start, end: seconds of the part; both None of a whole file."""

    source: str
    kind: str
    size: int
    changed: int
    start: float | None = None
    end: float | None = None

    @property
    def is_current(self) -> bool:
        """Whether the file is there as it was embedded."""
        return (self.size, self.changed) == _stamp(Path(self.source))


class Update(NamedTuple):
    """What an update did. added, kept, removed: rows. failed: results of the inputs that could not be read."""

    added: int
    kept: int
    removed: int
    failed: list[Result]


class EmbeddingIndex:
    """Embeddings in a folder: shards of rows, memory-mapped, and one line for each row that says what it is.

    Only one shard is in memory at a time, and the lines. An update that was interrupted goes on where it stopped.

    Args:
        folder: of the index; it is made by the first `update`.

    Raises:
        ValueError: the folder holds something else.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self.head: dict[str, Any] = dict(model=None, weights=None, segment=None, shards=[])
        if (self.folder / HEAD).is_file():
            self.head = json.loads((self.folder / HEAD).read_text(encoding='utf-8'))
        elif self.folder.exists() and any(self.folder.iterdir()):
            raise ValueError(f'{folder} is no index: it has files, but no {HEAD}; name a new folder')
        self.parts = {shard: self._read_parts(shard) for shard in self.head['shards']}
        self._masks: dict[str, dict[str, np.ndarray]] = {}  # of the shards that were searched; see `_rows_of`

    def __len__(self) -> int:
        return sum(map(len, self.parts.values()))

    def update(
        self,
        model: Inferencer,
        files: Iterable[str | Path],
        *,
        segment: float | None = None,
        batch_size: int = 8,
        progress: bool = False,
    ) -> Update:
        """Embed the files that are new or changed, and remove those that are gone from the disk.

        Args:
            files: images and clips. segment: cut clips into parts of about so many seconds; whole clips if None. batch_size,
                progress: as of `Inferencer`.

        Raises:
            ValueError: the index was made by other weights or with another `segment`.
        """
        weights = fingerprint(model)
        if self.head['weights'] is not None:
            self._check_weights(weights)
            if segment != self.head['segment']:
                raise ValueError(f'the index {self.folder} has segments of {self.head["segment"]} seconds, not {segment}')
        self.head |= dict(model=model.name, weights=weights, segment=segment)
        removed = self._remove_stale()
        kept = len(self)
        known = {part.source for part in self._rows()}
        absolute = (str(Path(file).absolute()) for file in files)
        waiting: deque[IndexedPart] = deque()  # parts whose embeddings are being computed, in order

        def inputs() -> Iterator[dict[str, Any]]:
            for source in dict.fromkeys(absolute):
                if source not in known:
                    for part in _parts(model, source, segment):
                        waiting.append(part)
                        yield dict(media=part.source, start=part.start, end=part.end)

        failed: list[Result] = []
        parts: list[IndexedPart] = []
        rows: list[np.ndarray] = []
        for result in results_of(model.embed(inputs(), batch_size=batch_size, progress=progress)):
            part = waiting.popleft()
            if result.embedding is None:
                failed.append(result)
                continue
            if len(rows) >= SHARD_ROWS and part.source != parts[-1].source:
                self._append(parts, rows)
                parts, rows = [], []
            parts.append(part)
            rows.append(result.embedding)
        if rows or not self.head['shards']:
            self._append(parts, rows)
        return Update(len(self) - kept, kept, removed, failed)

    def search(self, model: Inferencer, text: str, *, top_k: int = 10, rerank: int = 0) -> list[Result]:
        """The images and clips that a text describes, best first, with `similarity` and the seconds of a part.

        Searched exactly, or by FAISS where `build_faiss` was called after the last update.

        Args:
            rerank: so many of the nearest are read again and ordered by the probability that the text belongs to them
                (`Inferencer.match`), in ``score``; 0 for none. One that cannot be read any more comes last.

        Raises:
            ValueError: the index is of other weights, or is empty.
        """
        self._check_weights(fingerprint(model))
        return self.find(model, text, top_k=top_k, rerank=rerank)

    def find(self, model: Inferencer, text: str, *, top_k: int = 10, rerank: int = 0) -> list[Result]:
        """`search` with a model whose weights a search has already compared: reading all of them takes time.

        Raises:
            ValueError: the index is empty.
        """
        if not len(self):
            raise ValueError(f'the index {self.folder} is empty: run mplug2 index first')
        kinds = sorted({kind for shard in self.parts for kind in self._rows_of(shard)})
        nearest: list[tuple[float, IndexedPart]] = []
        for kind in kinds:
            query = embedding_of(model.embed_text(text, kind))
            path = self.folder / f'{kind}.faiss'
            nearest += (self._by_faiss if path.exists() else self._exactly)(query, kind, max(top_k, rerank))
        nearest = sorted(nearest, key=lambda pair: -pair[0])[: max(top_k, rerank)]
        results = [Result(part.source, text, similarity=value, times=_times(part)) for value, part in nearest]
        if rerank:
            inputs = [dict(media=part.source, start=part.start, end=part.end) for _, part in nearest[:rerank]]
            for result, matched in zip(results, results_of(model.match(inputs, text)), strict=False):
                result.score, result.error = matched.score, matched.error
            results[:rerank] = sorted(results[:rerank], key=lambda result: 1.0 if result.score is None else -result.score)
        return results[:top_k]

    def build_faiss(self) -> list[str]:
        """Index the rows for approximate search, of each kind that has many; returns the kinds.

        Raises:
            ImportError: FAISS is not installed.
        """
        import faiss

        built = []
        for kind in sorted({part.kind for part in self._rows()}):
            rows = {shard: [row for row, part in enumerate(self.parts[shard]) if part.kind == kind] for shard in self.parts}
            count = sum(map(len, rows.values()))
            if count < FAISS_FROM:
                continue
            cells = int(4 * count**0.5)
            stride = max(1, count // (64 * cells))
            sample = np.concatenate([self._vectors(shard)[rows[shard][::stride]] for shard in rows])
            index = faiss.index_factory(sample.shape[1], f'IVF{cells},Flat', faiss.METRIC_INNER_PRODUCT)
            index.train(sample)
            first = 0
            for shard, wanted in rows.items():  # one in memory at a time
                index.add_with_ids(self._vectors(shard)[wanted], first + np.array(wanted, np.int64))
                first += len(self.parts[shard])
            with replacing(self.folder / f'{kind}.faiss') as temporary:
                faiss.write_index(index, str(temporary))
            built.append(kind)
        return built

    def _by_faiss(self, query: np.ndarray, kind: str, count: int) -> list[tuple[float, IndexedPart]]:
        import faiss

        index = faiss.read_index(str(self.folder / f'{kind}.faiss'), faiss.IO_FLAG_MMAP)
        faiss.extract_index_ivf(index).nprobe = FAISS_PROBES
        values, rows = index.search(query[None], min(count, index.ntotal))
        return [(float(value), self._part(int(row))) for value, row in zip(values[0], rows[0], strict=True) if row >= 0]

    def _part(self, row: int) -> IndexedPart:
        """A row of the whole index, counted through its shards."""
        for parts in self.parts.values():
            if row < len(parts):
                return parts[row]
            row -= len(parts)
        raise IndexError(f'row {row} is beyond the index {self.folder}')

    def _exactly(self, query: np.ndarray, kind: str, count: int) -> list[tuple[float, IndexedPart]]:
        nearest: list[tuple[float, IndexedPart]] = []
        for shard, parts in self.parts.items():
            mask = self._rows_of(shard).get(kind)
            if mask is None:
                continue
            values = self._vectors(shard) @ query
            rows = np.flatnonzero(mask)
            if len(rows) > count:  # sorting all of them would take most of the time
                rows = rows[values[rows] >= np.partition(values[rows], -count)[-count]]
            best = rows[np.argsort(-values[rows], kind='stable')][:count]
            nearest += [(float(values[row]), parts[row]) for row in best]
        return sorted(nearest, key=lambda pair: -pair[0])[:count]

    def _rows_of(self, shard: str) -> dict[str, np.ndarray]:
        """Kind -> True at the shard's rows of that kind, for each that it has. A shard's rows never change."""
        if shard not in self._masks:
            kinds = np.array([part.kind for part in self.parts[shard]])
            self._masks[shard] = {kind: kinds == kind for kind in np.unique(kinds).tolist()}
        return self._masks[shard]

    def _rows(self) -> Iterator[IndexedPart]:
        for parts in self.parts.values():
            yield from parts

    def _vectors(self, shard: str) -> np.ndarray:
        return np.load(self.folder / f'{shard}.npy', mmap_mode='r')

    def _read_parts(self, shard: str) -> list[IndexedPart]:
        with open(self.folder / f'{shard}.jsonl', encoding='utf-8') as file:
            return [IndexedPart(*json.loads(line)) for line in file]

    def _check_weights(self, weights: str) -> None:
        if self.head['weights'] != weights:
            raise ValueError(
                f'the index {self.folder} was made with the model {self.head["model"]}, whose weights differ from those given: '
                'use that model, or index into a new folder'
            )

    def _append(self, parts: list[IndexedPart], rows: list[np.ndarray]) -> None:
        """Write a shard, then the head that names it."""
        if rows:
            name = f'{1 + max((int(path.stem) for path in self.folder.glob("*.npy")), default=-1):06d}'
            self._write_shard(name, parts, np.stack(rows))
            self.head['shards'].append(name)
        self._write_head()

    def _remove_stale(self) -> int:
        """Drop the rows of files that are gone or changed; returns how many."""
        removed = 0
        for shard in list(self.head['shards']):
            kept = [row for row, part in enumerate(self.parts[shard]) if part.is_current]
            if len(kept) == len(self.parts[shard]):
                continue
            removed += len(self.parts[shard]) - len(kept)
            parts, vectors = [self.parts[shard][row] for row in kept], np.array(self._vectors(shard))[kept]
            self.head['shards'].remove(shard)
            del self.parts[shard]
            self._append(parts, list(vectors))  # under a new name: an interruption leaves the old one whole
            for suffix in ('npy', 'jsonl'):
                (self.folder / f'{shard}.{suffix}').unlink()
        return removed

    def _write_shard(self, name: str, parts: list[IndexedPart], vectors: np.ndarray) -> None:
        replace_file(self.folder / f'{name}.npy', lambda file: np.save(file, vectors))
        write_text(self.folder / f'{name}.jsonl', ''.join(f'{json.dumps(part)}\n' for part in parts))
        self.parts[name] = parts

    def _write_head(self) -> None:
        for stale in self.folder.glob('*.faiss'):
            stale.unlink()
        write_text(self.folder / HEAD, json.dumps(self.head, indent=1))


def fingerprint(model: Inferencer) -> str:
    """Which weights a model has, by the first values of each: embeddings of other weights cannot be compared."""
    digest = hashlib.sha256()
    for key, value in model.model.state_dict().items():
        digest.update(key.encode() + value.flatten()[:64].float().cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_size, info.st_mtime_ns


def _parts(model: Inferencer, source: str, segment: float | None) -> Iterator[IndexedPart]:
    """The rows of a file; of one that cannot be read one, whose embedding will then fail."""
    media = Media(source, path=source)
    whole = IndexedPart(source, model.embedded_as(media), *(_stamp(Path(source)) or (0, 0)))
    for part in [media] if segment is None else segments(media, segment):
        yield whole._replace(start=part.start, end=part.end)


def _times(part: IndexedPart) -> tuple[float, float | None] | None:
    return None if part.start is None else (part.start, part.end)
