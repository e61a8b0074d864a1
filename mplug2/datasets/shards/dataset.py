"""Data sets in sharded tar files with random access: an index gives the position of sample i.

So the stream of `ResumableSampler` over shards is the same as over files: a function of (seed, position), split over ranks and
workers without overlap, and resumed at no cost. Shards may differ in size.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from mmengine.logging import MMLogger

from ...registry import DATA_SAMPLERS, DATASETS
from ..base import MultiModalDataset
from ..io.annotations import Files
from ..io.bad_samples import AnnotationError, BadSampleError
from ..io.files import SUFFIXES
from ..sampling.sampler import ResumableSampler
from .files import RangeReader, expand
from .index import load_indices, read_members

MAX_BYTES = 2**30
MAX_CHARACTERS = 2**16

if TYPE_CHECKING:
    from ..stand_ins import MiniBenchmark


class ShardedDataset(MultiModalDataset):
    """Samples of tar files in webdataset's layout. A subclass makes a record of a sample's parts in `fill`.

    A sample's parts are read when it is used; memory holds one number for each sample.

    Args:
        shards: paths, URLs (by fsspec), folders, or patterns of them, as `expand` takes. media: of the records.
        index_dir: folder of the indices. None stores them beside the shards, which URLs do not allow.
        max_bytes: of a sample; a larger one is bad. kwargs: of `MultiModalDataset`, without ``data_prefix``.

    Raises:
        FileNotFoundError: no shards. BadSampleError: a shard is cut off, and the bad-sample policy is 'raise'.
    """

    def __init__(
        self, shards: Files, media: str, index_dir: str | None = None, max_bytes: int = MAX_BYTES, **kwargs: Any
    ) -> None:
        self.shards, self.media, self.index_dir, self.max_bytes = expand(shards), media, index_dir, max_bytes
        super().__init__(**kwargs)
        for problem in self._problems:
            if self.bad_samples.policy == 'raise':
                raise BadSampleError(f"the shard {problem}; bad_samples='skip' or 'replace' uses the samples before the damage")
            MMLogger.get_current_instance().warning(f'the shard {problem}')

    @property
    def source(self) -> str:
        first = self.shards[0]
        return first if len(self.shards) == 1 else f'{first} and {len(self.shards) - 1} more shards'

    def open_records(self, indices: int | Sequence[int] | None) -> None:
        loaded = load_indices(self.shards, self.index_dir)
        self._problems = [index.problem for index in loaded if index.problem]
        self.shard_sizes = np.array([len(index.starts) - 1 for index in loaded])
        self._ends = np.cumsum(self.shard_sizes)
        self._starts = np.concatenate([index.starts for index in loaded])  # one more a shard than samples
        total = int(self._ends[-1])
        self._chosen = None
        if indices is not None:
            self._chosen = np.arange(total)[:indices] if isinstance(indices, int) else np.arange(total)[list(indices)]
            self.shard_sizes = np.array([len(self._chosen)])
        if len(self) == 0:
            raise AnnotationError(f'{type(self).__name__}: no samples in {self.source}')
        self._reader = RangeReader()

    def __len__(self) -> int:
        return int(self._ends[-1]) if self._chosen is None else len(self._chosen)

    def _position(self, index: int) -> tuple[int, int]:
        """The number of the shard, and of the sample in it."""
        index = int(index if self._chosen is None else self._chosen[index])
        shard = int(np.searchsorted(self._ends, index, side='right'))
        return shard, index - int(self._ends[shard - 1] if shard else 0)

    def record(self, index: int) -> dict:
        """A sample's fields without reading it; ``sample_id`` is the shard and the number in it."""
        shard, position = self._position(index)
        path = self.shards[shard]
        return dict(sample_id=f'{path}:{position}', media=self.media, path=path, shard=shard, position=position)

    def prepare(self, record: dict) -> Any:
        shard, position = record.pop('shard'), record.pop('position')
        path = self.shards[shard]
        start, end = self._starts[(self._ends[shard - 1] + shard if shard else 0) + position :][:2].tolist()
        where = f'{path}, bytes {start} to {end}'
        if end - start > self.max_bytes:
            raise BadSampleError(f'{where}: a sample of {end - start} bytes, and max_bytes allows {self.max_bytes}')
        try:
            content = self._reader.read(path, start, end)
        except OSError as error:
            raise BadSampleError(f'{where}: cannot be read ({error})') from None
        key, parts = read_members(content, where)
        self.fill(record, f'{path}/{key}', parts)
        return super().prepare(record)

    def fill(self, record: dict, where: str, parts: dict[str, bytes]) -> None:
        """Add fields from a sample's parts.

        Args:
            where: shard and key. parts: suffix of the member's name after the key's dot -> content.

        Raises:
            BadSampleError: a part is missing or empty.
        """
        raise NotImplementedError


@DATASETS.register_module()
class ShardedPairs(ShardedDataset):
    """Images or clips with texts, as img2dataset, video2dataset and ``tools/data/shards_pairs.py`` write them.

    Texts are the list ``captions`` of the sample's ``.json`` if it has one, else its ``.txt``, else ``caption`` of the
    ``.json``. Values that are not texts, such as null, are left out. Fields: ``captions``;
    ``content``, the bytes that `LoadImage` and `LoadVideo` decode; ``path``, the member's, which names a sample in messages.

    Args:
        media: 'image' or 'video'. max_characters: of a text; a sample with a longer one is bad. shards, kwargs: of
            `ShardedDataset`.
    """

    def __init__(self, shards: Files, media: str = 'image', max_characters: int = MAX_CHARACTERS, **kwargs: Any) -> None:
        if media not in SUFFIXES:
            raise ValueError(f"ShardedPairs: media is 'image' or 'video', not {media!r}")
        self.max_characters = max_characters
        super().__init__(shards, media, **kwargs)

    def fill(self, record: dict, where: str, parts: dict[str, bytes]) -> None:
        suffix = next((suffix for suffix in SUFFIXES[self.media] if suffix in parts), None)
        if suffix is None:
            raise BadSampleError(
                f'{where}: no {self.media} among its parts, which are {", ".join(parts)}; one must end in '
                f'.{", .".join(SUFFIXES[self.media])}'
            )
        captions = [caption.strip() for caption in _captions(where, parts)]
        record.update(path=f'{where}.{suffix}', content=parts[suffix], captions=[caption for caption in captions if caption])
        if not record['captions']:
            raise BadSampleError(f'{where}: its caption is empty')
        longest = max(map(len, record['captions']))
        if longest > self.max_characters:
            raise BadSampleError(f'{where}: a caption of {longest} characters, and max_characters allows {self.max_characters}')

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        from .stand_in import pair_shards

        return dict(shards=pair_shards(mini.root, cfg.get('media', 'image')), index_dir=None)


def _captions(where: str, parts: dict[str, bytes]) -> list[str]:
    try:
        notes = json.loads(parts['json'].decode('utf-8-sig')) if 'json' in parts else {}
        notes = notes if isinstance(notes, dict) else {}
        if isinstance(notes.get('captions'), list):
            return [caption for caption in notes['captions'] if isinstance(caption, str)]
        if 'txt' not in parts and isinstance(notes.get('caption'), str):  # as img2dataset writes it
            return [notes['caption']]
        return [parts['txt'].decode('utf-8-sig')]
    except (ValueError, RecursionError) as error:
        raise BadSampleError(f'{where}: its text is not UTF-8, or its .json no JSON ({error})') from None
    except KeyError:
        raise BadSampleError(f"{where}: no text: neither a .txt nor 'captions' or 'caption' in a .json") from None


@DATA_SAMPLERS.register_module()
class ShardSampler(ResumableSampler):
    """`ResumableSampler` for storage with slow random access: shuffles shards, and samples within a few of them.

    An epoch takes the shards in random order, `shards_open` at a time, and mixes their samples. Sample n of the stream
    is a function of (seed, n), too.

    Args:
        dataset: a `ShardedDataset`. shards_open: shards that are read at a time. kwargs: of `ResumableSampler`.
    """

    def __init__(self, dataset: ShardedDataset, shards_open: int = 16, **kwargs: Any) -> None:
        super().__init__(dataset, **kwargs)
        if shards_open < 1:
            raise ValueError(f'ShardSampler: shards_open is a number of shards, not {shards_open}')
        self.sizes, self.together = dataset.shard_sizes, shards_open

    def _order(self, number: int) -> np.ndarray:
        if not self.shuffle:
            return super()._order(number)
        generator = np.random.Generator(np.random.PCG64(np.random.SeedSequence([self.seed, number])))
        firsts = np.cumsum(self.sizes) - self.sizes
        shards = generator.permutation(len(self.sizes))
        groups = [shards[start : start + self.together] for start in range(0, len(shards), self.together)]
        return np.concatenate(
            [
                generator.permutation(np.concatenate([np.arange(firsts[s], firsts[s] + self.sizes[s]) for s in group]))
                for group in groups
            ]
        )
