"""What the datasets of all benchmarks share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from mmengine.dist import get_world_size
from torch.utils.data import Dataset

from ..registry import TRANSFORMS
from .io.annotations import as_list
from .io.bad_samples import AnnotationError, BadSampleError, BadSamples
from .io.files import check_inside
from .io.progress import ReadingBoard
from .io.record_block import RecordBlock
from .sampling.sampler import StreamIndex

_ATTEMPTS = 100  # at finding a readable sample in place of a bad one


class MultiModalDataset(Dataset):
    """A benchmark's samples, each a record read from its official files and sent through a pipeline of transforms.

    A subclass reads its files in `load_records`. A record holds ``sample_id``, ``media`` ('image', 'video' or 'text'), ``path``
    (relative to `data_prefix`) unless it is text, and the annotations under the benchmark's own names. A transform
    receives the record as a dict, with ``test_mode`` added and ``path`` joined.

    A subclass may describe itself further: `PUBLISHED`, `TEXTS`, and classmethods. ``stand_in(mini, cfg)``: what to change of
    its config, so that files of the `mplug2.datasets.stand_ins.MiniBenchmark` replace its own in a smoke test.
    ``describe_shape``: see `mplug2.datasets.shapes`. What it needs installed: see `mplug2.config.needs`.

    Args:
        pipeline: configs of transforms, or callables. data_prefix: folder of the media. test_mode: transforms draw nothing.
        bad_samples: arguments of `BadSamples` (``dict(policy='replace', max_bad=0.01)``), or the policy alone.
        indices: the first n records (int), or these records. metainfo: added to the dataset's own. follow_links: read files
            outside of `data_prefix`, where a link in it leads, or a name of an annotation; else such samples are bad.

    Raises:
        AnnotationError: an annotation file is not as the benchmark publishes it, or gives no record.
        ValueError: bad samples of a test are to be replaced, or those of several processes skipped.
    """

    METAINFO: dict[str, Any] = {}
    num_labels: int | None = None  # one more than the largest ``label``, if records have one
    TEXTS: tuple[str, ...] = ('captions', 'question', 'phrase')  # fields that `tools/data/check.py` counts the texts of
    PUBLISHED: dict[str, int] = {}  # name of a split, as `published_splits` gives it -> samples that its authors publish

    def __init__(
        self,
        pipeline: Sequence[dict | Callable] = (),
        data_prefix: str = '',
        test_mode: bool = False,
        bad_samples: dict | str = 'raise',
        indices: int | Sequence[int] | None = None,
        metainfo: dict | None = None,
        follow_links: bool = False,
    ) -> None:
        self.follow_links = follow_links
        self.data_prefix = str(data_prefix).rstrip('/')
        self.test_mode = test_mode
        self.open_records(indices)
        self._metainfo = {'dataset': type(self).__name__} | self.METAINFO | (metainfo or {})
        self.bad_samples = BadSamples(len(self), **({'policy': bad_samples} if isinstance(bad_samples, str) else bad_samples))
        if test_mode and self.bad_samples.policy == 'replace':
            raise ValueError("a test scores each sample once: its bad-sample policy is 'raise' or 'skip', not 'replace'")
        if self.bad_samples.policy == 'skip' and get_world_size() > 1:
            harm, instead = (
                ('what fills the last round would count twice', "in their tests the policy is 'raise'")
                if test_mode
                else ('they exchange what they find in them', "in training the policy is 'replace' or 'raise'")
            )
            raise ValueError(
                f"{self.source}: bad_samples='skip' would make the batches of the {get_world_size()} processes differ in size, "
                f'and {harm}; {instead}'
            )
        self.progress = ReadingBoard()
        self.transforms = [TRANSFORMS.build(step) if isinstance(step, dict) else step for step in pipeline]

    def open_records(self, indices: int | Sequence[int] | None) -> None:
        """Make `record` and the length work.

        Raises:
            AnnotationError: there are no records.
        """
        records: Iterable[dict] = self.load_records()
        if indices is not None:
            block = RecordBlock(records)
            numbers = range(len(block))[:indices] if isinstance(indices, int) else indices
            records = (block[number] for number in numbers)
        self._records = RecordBlock(self.with_labels_counted(records))
        if not len(self._records):
            raise AnnotationError(f'{type(self).__name__}: no samples in {self.source}')

    def with_labels_counted(self, records: Iterable[dict]) -> Iterator[dict]:
        """The records; after the last, `num_labels` is known."""
        largest = -1
        for record in records:
            if type(label := record.get('label')) is int:
                largest = max(largest, label)
            yield record
        self.num_labels = largest + 1 or None

    def load_records(self) -> Iterable[dict]:
        """Read the annotation files. Those of millions of samples yield their records, so that no list of them is in memory."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """The annotation files, for messages."""
        return ', '.join(as_list(getattr(self, 'ann_file', None))) or 'its annotation file'

    def published_splits(self) -> list[str]:
        """The splits that this data set reads, by their names in `PUBLISHED`: its split, or the names of its files."""
        return [self.split] if hasattr(self, 'split') else [Path(path).stem for path in self.source.split(', ')]

    def published_count(self) -> int:
        """Samples, as those in `PUBLISHED` are counted."""
        return len(self)

    @property
    def metainfo(self) -> dict[str, Any]:
        return dict(self._metainfo)

    def __len__(self) -> int:
        return len(self._records)

    def record(self, index: int) -> dict:
        """A record, without reading its media."""
        record = self._records[index]
        if self.data_prefix and 'path' in record:
            record['path'] = f'{self.data_prefix}/{record["path"]}'
        return record

    def __getitem__(self, index: int) -> Any:
        """A sample as the pipeline leaves it; None for a bad one under the policy 'skip'.

        Raises:
            BadSampleError: under the policy 'raise', or nothing readable was found. TooManyBadSamples: see `BadSamples`.
        """
        with self.progress.reading(int(index)):
            return self._sample(index)

    def _sample(self, index: int) -> Any:
        draw = index if isinstance(index, StreamIndex) else None
        index = int(index)
        for attempt in range(_ATTEMPTS):
            if draw is not None:
                draw.seed_everything()
            record = self.record(index)
            try:
                return self.prepare(record)
            except BadSampleError as error:
                message = f'sample {record.get("sample_id", index)}: {error}'
                self.bad_samples.add(index, message)
            if self.bad_samples.policy == 'skip':
                return None
            source = StreamIndex(index, 0, index) if draw is None else draw
            index = int(source.generator(attempt).integers(len(self)))
        raise BadSampleError(f'{_ATTEMPTS} samples taken in place of a bad one were bad as well; the last: {message}')

    def prepare(self, record: dict) -> Any:
        """Send a record through the pipeline."""
        record['test_mode'] = self.test_mode
        if self.data_prefix and 'path' in record and not self.follow_links:
            check_inside(record['path'], self.data_prefix)
        for transform in self.transforms:
            result = transform(record)
            if result is None:
                raise BadSampleError(f'{type(transform).__name__} returned nothing for {record.get("path", "its text")}')
            record = result
        return record


class CaptionDataset(MultiModalDataset):
    """Media with captions.

    Args:
        each: 'sample': one item an image or clip, with all of its captions. 'caption': one item a caption (training).

    Raises:
        ValueError: items by caption in a test, which would score a prediction many times.
    """

    def __init__(self, each: str = 'sample', test_mode: bool = False, **kwargs: Any) -> None:
        if each not in ('sample', 'caption'):
            raise ValueError(f"each is 'sample' or 'caption', not {each!r}")
        if each == 'caption' and test_mode:
            raise ValueError("each='caption' is for training; a test has one item for each image or clip: each='sample'")
        self.each = each
        super().__init__(test_mode=test_mode, **kwargs)

    def load_records(self) -> Iterable[dict]:
        records = self.load_captions()
        for record in records:
            record['captions'] = [caption for caption in record['captions'] if caption.strip()]
        hidden = self.test_mode and not any(record['captions'] for record in records)  # published so, to be predicted
        for record in records:
            if not record['captions'] and not hidden:
                raise AnnotationError(f'{self.source}: {record["sample_id"]} has no caption that holds a word')
        if self.each == 'caption':
            return [record | {'captions': [caption]} for record in records for caption in record['captions']]
        return records

    def published_count(self) -> int:
        return len({self.record(index)['sample_id'] for index in range(len(self))}) if self.each == 'caption' else len(self)

    def load_captions(self) -> list[dict]:
        """Records with ``captions``, a list."""
        raise NotImplementedError
