"""Open-ended question answering about clips: the files that MSRVTT-QA and MSVD-QA share."""

from __future__ import annotations

from typing import Any

from ...base import MultiModalDataset
from ...io.annotations import KEY, Files, as_list, check_type, read_records, rows

QUESTION_TYPES = ('what', 'who', 'how', 'when', 'where')


class VideoQADataset(MultiModalDataset):
    """Records ``{answer, question, video_id, id}`` as a JSON list or JSON lines (in which ``id`` is optional).

    Fields: ``question``, ``question_id``, ``answers`` (a list of one; None in a test split without them) and ``question_type``
    (the first word if it is what, who, how, when or where; else 'other').

    Args:
        ann_file: one file or several. suffix: of the clips' names. kwargs: of `MultiModalDataset`.
    """

    def __init__(self, ann_file: Files, suffix: str, **kwargs: Any) -> None:
        self.files, self.suffix = as_list(ann_file), suffix
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.files)

    def load_records(self) -> list[dict]:
        records = []
        for path in self.files:
            entries = read_records(path)
            # A hidden test split is published without answers.
            hidden = self.test_mode and not any(isinstance(entry, dict) and 'answer' in entry for entry in entries)
            fields = dict(question=str, video_id=KEY) | ({} if hidden else dict(answer=str))
            for number, (question, video, *answers) in enumerate(rows(path, entries, fields)):
                key = entries[number].get('id', number)
                check_type(f'{path}: record {number}: id', key, KEY)
                first = question.split(maxsplit=1)[0].lower() if question.strip() else ''
                records.append(
                    dict(
                        sample_id=key,
                        media='video',
                        path=self.clip_name(path, number, video) + self.suffix,
                        question=question,
                        question_id=key,
                        answers=answers or None,
                        question_type=first if first in QUESTION_TYPES else 'other',
                    )
                )
        return records

    def clip_name(self, path: str, number: int, video_id: int | str) -> str:
        """The file name, without suffix, of a record's clip.

        Args:
            path, number: of the record, for messages. video_id: a number in the official files, a file name in JSON lines.
        """
        raise NotImplementedError


def stem(name: str) -> str:
    """A file's name without its suffix ('video7.mp4' -> 'video7')."""
    return name.rsplit('.', 1)[0]
