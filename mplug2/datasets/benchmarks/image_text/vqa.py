"""Visual question answering: VQA v2, Visual Genome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import KEY, Files, as_list, check_type, read_json, rows, section
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


@DATASETS.register_module()
class VQAv2(MultiModalDataset):
    """VQA v2 from its official question and annotation files.

    Images are ``data_prefix/val2014/COCO_val2014_000000000042.jpg``; the folder is the question file's ``data_subtype``
    (test-dev2015 is part of test2015). Fields: ``question``, ``question_id``; with annotations ``answers`` (those of the ten
    annotators), ``question_type`` and ``answer_type``.

    Args:
        questions: one file or several (training takes train2014 and val2014). annotations: as many, in the same order; None for
            test splits, which have none. kwargs: of `MultiModalDataset`.
    """

    PUBLISHED = {
        'v2_OpenEnded_mscoco_train2014_questions': 443_757,
        'v2_OpenEnded_mscoco_val2014_questions': 214_354,
        'v2_OpenEnded_mscoco_test2015_questions': 447_793,
        'v2_OpenEnded_mscoco_test-dev2015_questions': 107_394,
    }

    def __init__(self, questions: Files, annotations: Files | None = None, **kwargs: Any) -> None:
        self.questions, self.annotations = as_list(questions), as_list(annotations)
        if self.annotations and len(self.annotations) != len(self.questions):
            raise ValueError(
                f'VQAv2: {len(self.questions)} question files need as many annotation files, or none; '
                f'there are {len(self.annotations)}'
            )
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return ', '.join(self.questions)

    def load_records(self) -> list[dict]:
        records = []
        for number, path in enumerate(self.questions):
            content = read_json(path)
            questions = section(path, content, 'questions')
            if 'data_subtype' not in content:
                raise AnnotationError(f"{path}: no key 'data_subtype', which names the folder of the images ('val2014')")
            check_type(f'{path}: data_subtype', content['data_subtype'], str)
            folder = content['data_subtype'].replace('test-dev', 'test')
            fields = dict(image_id=int, question=str, question_id=KEY)
            answers = _annotations(self.annotations[number]) if self.annotations else None
            for image, question, key in rows(path, questions, fields, 'questions'):
                record = dict(sample_id=key, media='image', path=f'{folder}/COCO_{folder}_{image:012d}.jpg')
                record |= dict(question=question, question_id=key)
                if answers is not None:
                    if key not in answers:
                        raise AnnotationError(f'{self.annotations[number]}: no annotation of question_id {key} of {path}')
                    record |= answers[key]
                records.append(record)
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        parts = ['train2014' if 'train2014' in name else 'val2014' for name in as_list(cfg['questions'])]
        files = dict(questions=[mini.path(f'vqa/v2_OpenEnded_mscoco_{part}_questions.json') for part in parts])
        if cfg.get('annotations'):
            files['annotations'] = [mini.path(f'vqa/v2_mscoco_{part}_annotations.json') for part in parts]
        return files | dict(data_prefix=mini.path('coco'))


def _annotations(path: str) -> dict[int, dict]:
    """question_id -> answers and types."""
    annotations_of = {}
    fields = dict(question_id=KEY, answers=list, question_type=str, answer_type=str)
    for key, answers, kind, answer_kind in rows(path, section(path, read_json(path), 'annotations'), fields, 'annotations'):
        if key in annotations_of:
            raise AnnotationError(f'{path}: question_id {key} is annotated twice')
        texts = [text for (text,) in rows(path, answers, dict(answer=str), f'question_id {key}: answer')]
        annotations_of[key] = dict(answers=texts, question_type=kind, answer_type=answer_kind)
    return annotations_of


@DATASETS.register_module()
class VisualGenomeQA(MultiModalDataset):
    """Visual Genome's 1.7 M questions, from ``question_answers.json`` and ``image_data.json``; for pre-training.

    Images are ``data_prefix/VG_100K/2.jpg`` or ``data_prefix/VG_100K_2/1.jpg``, as their URLs say. Fields: ``question``,
    ``question_id`` and ``answers`` (a list of one).

    Args:
        questions, images: the two files. kwargs: of `MultiModalDataset`.
    """

    def __init__(self, questions: str, images: str, **kwargs: Any) -> None:
        self.questions, self.images = questions, images
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return self.questions

    def load_records(self) -> list[dict]:
        images = rows(self.images, read_json(self.images), dict(image_id=KEY, url=str))
        paths = {image: '/'.join(url.rsplit('/', 2)[-2:]) for image, url in images}
        records = []
        for image, questions in rows(self.questions, read_json(self.questions), dict(id=KEY, qas=list)):
            if image not in paths:
                raise AnnotationError(f'{self.questions} asks about image {image}, which {self.images} does not list')
            fields = dict(qa_id=KEY, question=str, answer=str)
            for key, question, answer in rows(self.questions, questions, fields, f'image {image}: question'):
                record = dict(sample_id=key, media='image', path=paths[image])
                records.append(record | dict(question=question, question_id=key, answers=[answer.rstrip('.')]))
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        questions = read_json(mini.path('vqa/v2_OpenEnded_mscoco_train2014_questions.json'))['questions'][:8]
        questions_of: dict[int, list[dict]] = {}
        for entry in questions:
            record = dict(qa_id=entry['question_id'], question=entry['question'], answer='red.')
            questions_of.setdefault(entry['image_id'], []).append(record)
        urls = {image: f'http://mini/train2014/COCO_train2014_{image:012d}.jpg' for image in questions_of}
        return dict(
            questions=mini.write('vg_questions.json', [dict(id=image, qas=records) for image, records in questions_of.items()]),
            images=mini.write('vg_images.json', [dict(image_id=image, url=url) for image, url in urls.items()]),
            data_prefix=mini.path('coco'),
        )
