"""Visual Genome's questions, in its own files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplug2.datasets import VisualGenomeQA
from mplug2.datasets.io.bad_samples import AnnotationError

IMAGES = [
    dict(image_id=1, url='https://cs.stanford.edu/people/rak248/VG_100K_2/1.jpg', width=800, height=600),
    dict(image_id=7, url='https://cs.stanford.edu/people/rak248/VG_100K/7.jpg', width=800, height=600),
]
ASKED = [
    dict(id=7, qas=[dict(qa_id=40, image_id=7, question='What colour is it?', answer='Green.', a_objects=[], q_objects=[])]),
    dict(id=1, qas=[]),
]


def written(folder: Path, asked: list) -> dict:
    (folder / 'q.json').write_text(json.dumps(asked))
    (folder / 'i.json').write_text(json.dumps(IMAGES))
    return dict(questions=str(folder / 'q.json'), images=str(folder / 'i.json'), data_prefix='data/vg')


def test_questions_are_read(tmp_path: Path) -> None:
    dataset = VisualGenomeQA(**written(tmp_path, ASKED))
    assert len(dataset) == 1
    asked = dict(question='What colour is it?', question_id=40, answers=['Green'])
    assert dataset.record(0) == dict(sample_id=40, media='image', path='data/vg/VG_100K/7.jpg', **asked)


def test_wrong_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r'q\.json asks about image 9, which .*i\.json does not list'):
        VisualGenomeQA(**written(tmp_path, [dict(id=9, qas=[])]))
    with pytest.raises(AnnotationError, match=r"q\.json: image 7: question 0 has no key 'answer'"):
        VisualGenomeQA(**written(tmp_path, [dict(id=7, qas=[dict(qa_id=1, question='?')])]))
