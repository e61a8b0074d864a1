"""MSRVTT: captions and questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import CaptionDataset
from ...io.annotations import Files, as_list, read_columns, read_ids, read_json, rows, section
from ...io.bad_samples import AnnotationError
from .video_qa import VideoQADataset, stem

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

# Protocol -> splits of the official file; None: the clips of an id file.
SPLITS: dict[str, tuple[str, ...] | None] = {
    'train': ('train',),
    'validate': ('validate',),
    'test': ('test',),
    'train+validate': ('train', 'validate'),
    '9k': None,
    '1k-A': None,
}


@DATASETS.register_module()
class MSRVTTCaption(CaptionDataset):
    """MSRVTT captions from the official ``*_videodatainfo.json``.

    Clips are ``data_prefix/video7010.mp4``. Fields: ``captions``.

    Args:
        ann_file: one file or several (the challenge's train and test parts). split: 'train' (6,513 clips), 'validate' (497),
            'test' (2,990), 'train+validate' (7,010; with 'test' the protocol of the published weights), or '9k' and
            '1k-A' (the retrieval protocol that the paper names), which need `ids`.
        ids: file of the protocol's clips: ``MSRVTT_train.9k.csv``, ``MSRVTT_JSFUSION_test.csv`` (their column ``video_id``), or
            one id on each line. suffix: of the clips' names. kwargs: of `CaptionDataset`.
    """

    PUBLISHED = {
        'train': 6_513,
        'validate': 497,
        'test': 2_990,
        'train+validate': 7_010,
        '9k': 9_000,
        '1k-A': 1_000,
    }

    def __init__(self, ann_file: Files, split: str, ids: str | None = None, suffix: str = '.mp4', **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f'MSRVTTCaption: split is one of {", ".join(map(repr, SPLITS))}, not {split!r}')
        if (SPLITS[split] is None) != (ids is not None):
            raise ValueError(f"MSRVTTCaption: the splits '9k' and '1k-A' need ids, the others take none; split is {split!r}")
        self.files, self.split, self.ids, self.suffix = as_list(ann_file), split, ids, suffix
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.files)

    def load_captions(self) -> list[dict]:
        captions: dict[str, list[str]] = {}
        splits: dict[str, str] = {}
        for path in self.files:
            content = read_json(path)
            for video, split in rows(path, section(path, content, 'videos'), dict(video_id=str, split=str), 'videos'):
                if video in splits:
                    raise AnnotationError(f'{path}: the video {video!r} is listed twice, here or in an earlier file')
                splits[video] = split
                captions[video] = []
            sentences = section(path, content, 'sentences')
            for number, (video, caption) in enumerate(rows(path, sentences, dict(video_id=str, caption=str), 'sentences')):
                if video not in captions:
                    raise AnnotationError(f'{path}: sentences {number} is about {video!r}, which is not among the videos')
                captions[video].append(caption)
        return [
            dict(sample_id=video, media='video', path=video + self.suffix, captions=captions[video])
            for video in self._chosen(splits)
        ]

    def _chosen(self, splits: dict[str, str]) -> list[str]:
        if self.ids is None:
            return [video for video, split in splits.items() if split in SPLITS[self.split]]
        listed = read_ids(self.ids, 'video_id')
        for video in listed:
            if video not in splits:
                raise AnnotationError(f'{self.ids} lists {video!r}, which is in none of {self.source}')
        return listed

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        files = [mini.path(f'msrvtt/{name}_videodatainfo.json') for name in ('train_val', 'test')]
        lists = {'9k': 'MSRVTT_train.9k.csv', '1k-A': 'MSRVTT_JSFUSION_test.csv'}
        ids = mini.path(f'msrvtt/{lists[cfg["split"]]}') if cfg['split'] in lists else None
        return dict(ann_file=files, ids=ids, data_prefix=mini.path('msrvtt/videos'), suffix='.mp4')


@DATASETS.register_module()
class MSRVTTRetrieval(CaptionDataset):
    """MSRVTT's 1k-A test: 1,000 clips with one sentence each, from ``MSRVTT_JSFUSION_test.csv``.

    (Training takes `MSRVTTCaption` with the split '9k'.) Clips are ``data_prefix/video7010.mp4``. Fields: ``captions``, of
    one sentence.

    Args:
        ann_file: the csv, with columns ``video_id`` and ``sentence``. suffix: of the clips' names.
        kwargs: of `CaptionDataset`.
    """

    PUBLISHED = {'MSRVTT_JSFUSION_test': 1_000}

    def __init__(self, ann_file: str, suffix: str = '.mp4', **kwargs: Any) -> None:
        self.ann_file, self.suffix = ann_file, suffix
        super().__init__(**kwargs)

    def load_captions(self) -> list[dict]:
        return [
            dict(sample_id=video, media='video', path=video + self.suffix, captions=[sentence])
            for video, sentence in read_columns(self.ann_file, ('video_id', 'sentence'))
        ]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        file = mini.path('msrvtt/MSRVTT_JSFUSION_test.csv')
        return dict(ann_file=file, data_prefix=mini.path('msrvtt/videos'), suffix='.mp4')


@DATASETS.register_module()
class MSRVTTQA(VideoQADataset):
    """MSRVTT-QA from ``{train,val,test}_qa.json`` (158,581 / 12,278 / 72,821 questions), or JSON lines.

    Clips are ``data_prefix/video7010.mp4``. Fields and arguments: `VideoQADataset`.
    """

    PUBLISHED = {'train_qa': 158_581, 'val_qa': 12_278, 'test_qa': 72_821}

    def __init__(self, ann_file: Files, suffix: str = '.mp4', **kwargs: Any) -> None:
        super().__init__(ann_file, suffix, **kwargs)

    def clip_name(self, path: str, number: int, video_id: int | str) -> str:
        return f'video{video_id}' if isinstance(video_id, int) else stem(video_id)

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part = 'train' if 'train' in str(cfg['ann_file']) else 'test'
        file = mini.path(f'msrvtt_qa/{part}_qa.json')
        return dict(ann_file=file, data_prefix=mini.path('msrvtt/videos'), suffix='.mp4')
