"""DiDeMo as paragraph-to-video retrieval."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import CaptionDataset
from ...io.annotations import read_records, rows
from .video_qa import stem

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


@DATASETS.register_module()
class DiDeMoParagraph(CaptionDataset):
    """DiDeMo from the official ``{train,val,test}_data.json`` (8,395 / 1,065 / 1,004 clips). A clip's paragraph is all of its
    descriptions, in the file's order.

    Clips are ``data_prefix/54322086@N00_2408598493_274c77d26a.mp4``. Fields: ``captions``, the paragraph alone.

    Args:
        ann_file: of a split. suffix: replaces that of the file's clip names; None keeps it. kwargs: of
            `CaptionDataset`.
    """

    PUBLISHED = {'train_data': 8_395, 'val_data': 1_065, 'test_data': 1_004}

    def __init__(self, ann_file: str, suffix: str | None = '.mp4', **kwargs: Any) -> None:
        self.ann_file, self.suffix = ann_file, suffix
        super().__init__(**kwargs)

    def load_captions(self) -> list[dict]:
        of_video: dict[str, list[str]] = {}
        for video, description in rows(self.ann_file, read_records(self.ann_file), dict(video=str, description=str)):
            of_video.setdefault(video, []).append(description.strip())
        return [
            dict(
                sample_id=stem(video),
                media='video',
                path=video if self.suffix is None else stem(video) + self.suffix,
                captions=[' '.join(descriptions)],
            )
            for video, descriptions in of_video.items()
        ]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part = 'train' if 'train' in cfg['ann_file'] else 'test'
        moments = [dict(video=f'{video}.mov', description=text) for video, text in mini.clip_captions(part == 'train')]
        file = mini.write(f'didemo_{part}.json', moments)
        return dict(ann_file=file, data_prefix=mini.path('msrvtt/videos'), suffix='.mp4')
