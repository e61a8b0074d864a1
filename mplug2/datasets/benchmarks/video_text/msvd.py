"""MSVD: captions and questions."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import CaptionDataset
from ...io.annotations import Files, read_lines
from ...io.bad_samples import AnnotationError
from .video_qa import VideoQADataset, stem

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


@DATASETS.register_module()
class MSVDCaption(CaptionDataset):
    """MSVD captions from ``AllVideoDescriptions.txt`` (lines ``name_start_end caption``) and a list of a split's clips.

    Clips are ``data_prefix/mv89psg6zh4_33_46.avi``. Fields: ``captions``.

    Args:
        ann_file: ``AllVideoDescriptions.txt``. split_file: ``train_list.txt`` (1,200 clips), ``val_list.txt`` (100) or
            ``test_list.txt`` (670), one name a line. suffix: of the clips' names. kwargs: of `CaptionDataset`.
    """

    PUBLISHED = {'train_list': 1_200, 'val_list': 100, 'test_list': 670}

    def __init__(self, ann_file: str, split_file: str, suffix: str = '.avi', **kwargs: Any) -> None:
        self.ann_file, self.split_file, self.suffix = ann_file, split_file, suffix
        super().__init__(**kwargs)

    def load_captions(self) -> list[dict]:
        captions: dict[str, list[str]] = {}
        for line in read_lines(self.ann_file):
            if line.startswith('#'):  # the official file begins with comments
                continue
            name, _, caption = line.partition(' ')
            if not caption:
                raise AnnotationError(f'{self.ann_file}: the line {line!r} has no caption after the name of the clip')
            captions.setdefault(name, []).append(caption.strip())
        listed = [stem(name) for name in read_lines(self.split_file)]
        for name in listed:
            if name not in captions:
                raise AnnotationError(f'{self.split_file} lists {name!r}, which {self.ann_file} does not describe')
        return [dict(sample_id=name, media='video', path=name + self.suffix, captions=captions[name]) for name in listed]

    def published_splits(self) -> list[str]:
        return [Path(self.split_file).stem]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        lists = dict(split_file=mini.path(f'msvd/{Path(cfg["split_file"]).name}'))
        files = dict(ann_file=mini.path('msvd/AllVideoDescriptions.txt'), data_prefix=mini.path('msvd/videos'), suffix='.mp4')
        return lists | files


@DATASETS.register_module()
class MSVDQA(VideoQADataset):
    """MSVD-QA from ``{train,val,test}_qa.json`` (30,933 / 6,415 / 13,157 questions), or JSON lines.

    Clips are ``data_prefix/mv89psg6zh4_33_46.avi``. Fields and arguments: `VideoQADataset`.

    Args:
        mapping: ``youtube_mapping.txt`` (lines ``name vid7``), through which the official files' numbers name clips; JSON
            lines name them directly and need none.
    """

    PUBLISHED = {'train_qa': 30_933, 'val_qa': 6_415, 'test_qa': 13_157}

    def __init__(self, ann_file: Files, mapping: str | None = None, suffix: str = '.avi', **kwargs: Any) -> None:
        self.mapping = mapping
        self._names: dict[str, str] = {}
        for line in read_lines(mapping) if mapping else ():
            parts = line.split()
            if len(parts) != 2:
                raise AnnotationError(f"{mapping}: the line {line!r} is not 'name vidN'")
            if self._names.setdefault(parts[1], parts[0]) != parts[0]:
                raise AnnotationError(
                    f'{mapping}: {parts[1]} is {parts[0]!r}, and {self._names[parts[1]]!r} in an earlier line'
                )
        super().__init__(ann_file, suffix, **kwargs)

    def clip_name(self, path: str, number: int, video_id: int | str) -> str:
        if isinstance(video_id, str):
            return stem(video_id)
        if self.mapping is None:
            raise AnnotationError(f'{path}: record {number} names its clip by number: give mapping=.../youtube_mapping.txt')
        if f'vid{video_id}' not in self._names:
            raise AnnotationError(f'{path}: record {number} is about vid{video_id}, which {self.mapping} does not have')
        return self._names[f'vid{video_id}']

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part = 'train' if 'train' in str(cfg['ann_file']) else 'test'
        files = dict(ann_file=mini.path(f'msvd_qa/{part}_qa.json'), mapping=mini.path('msvd_qa/youtube_mapping.txt'))
        return files | dict(data_prefix=mini.path('msvd/videos'), suffix='.mp4')
