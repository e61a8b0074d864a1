"""LSMDC: clips of movies, each with a sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import CaptionDataset
from ...io.annotations import Files, as_list, read_lines
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

_FIELDS = 6  # clip, start and end aligned, start and end extracted, sentence


@DATASETS.register_module()
class LSMDC(CaptionDataset):
    """LSMDC 2016 from the official tab-separated files.

    They are ``LSMDC16_annos_training.csv`` (101,079 sentences), ``LSMDC16_annos_val.csv`` (7,408) and the retrieval test
    ``LSMDC16_challenge_1000_publictect.csv`` (1,000).

    Clips are ``data_prefix/1004_Juno/1004_Juno_00.00.32.767-00.00.37.121.avi``. Fields: ``captions``, of one sentence.

    Args:
        ann_file: one file or several. suffix: of the clips' names. kwargs: of `CaptionDataset`.
    """

    PUBLISHED = {'LSMDC16_annos_training': 101_079, 'LSMDC16_challenge_1000_publictect': 1_000}

    def __init__(self, ann_file: Files, suffix: str = '.avi', **kwargs: Any) -> None:
        self.files, self.suffix = as_list(ann_file), suffix
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.files)

    def load_captions(self) -> list[dict]:
        records = []
        for path in self.files:
            for number, line in enumerate(read_lines(path), start=1):
                parts = line.split('\t')
                if len(parts) != _FIELDS:
                    raise AnnotationError(
                        f'{path}: line {number} has {len(parts)} tab-separated fields; expected {_FIELDS}: clip, four '
                        'times, sentence'
                    )
                clip, sentence = parts[0], parts[-1]
                movie, _, times = clip.rpartition('_')
                if not movie or '-' not in times:
                    raise AnnotationError(f'{path}: line {number}: {clip!r} is not a clip of the form MOVIE_START-END')
                path_in = f'{movie}/{clip}{self.suffix}'
                records.append(dict(sample_id=clip, media='video', path=path_in, captions=[sentence.strip()]))
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        part, lines = 'train' if 'training' in str(cfg['ann_file']) else 'test', []
        for video, text in list(dict(mini.clip_captions(part == 'train')).items())[:8]:
            clip = f'1_Mini_{video}-{video}'
            mini.link(f'lsmdc/1_Mini/{clip}.mp4', mini.path(f'msrvtt/videos/{video}.mp4'))
            lines.append('\t'.join([clip, '0', '1', '0', '1', text]))
        file = mini.write(f'lsmdc_{part}.csv', '\n'.join(lines))
        return dict(ann_file=file, data_prefix=mini.path('tiny/lsmdc'), suffix='.mp4')
