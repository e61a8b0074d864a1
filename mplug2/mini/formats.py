"""The mini benchmark's annotations, each in the official file format of the benchmark that it replaces."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from ..utils.files import write_text
from .language import (
    SYNONYMS,
    clip_captions,
    clip_questions,
    description,
    expressions,
    image_captions,
    image_questions,
    passage,
    statements,
    summary_pair,
)
from .world import DIGITS, IMAGE_SIDE, MOTIONS, SPLITS, Scene, plate

Plan = dict[str, list[Scene]]
Names = dict[str, list[str]]

_WNID = 'n{:08d}'


def media_names(collection: str, scenes: list[Scene]) -> list[str]:
    """Path of each scene's image or clip, relative to the benchmark's folder, as in the official archive."""
    if collection == 'coco':
        names = []
        for number, scene in enumerate(scenes, 1):
            folder = 'train2014' if scene.split == 'train' else 'val2014'
            names.append(f'coco/{folder}/COCO_{folder}_{number:012d}.jpg')
        return names
    if collection == 'msrvtt':
        return [f'msrvtt/videos/video{number}.mp4' for number in range(len(scenes))]
    if collection == 'msvd':
        return [f'msvd/videos/{_msvd_name(number, scene)}.mp4' for number, scene in enumerate(scenes)]
    names = []
    for number, scene in enumerate(scenes):
        wnid = _WNID.format(scene.things[0].digit)
        names.append(f'imagenet/{scene.split}/{wnid}/{wnid}_{number}.JPEG')
    return names


def _msvd_name(number: int, scene: Scene) -> str:
    return f'mini{number:04d}_0_{int(scene.seconds) + 1}'


def _of_split(scenes: list[Scene], split: str) -> list[tuple[int, Scene]]:
    return [(number, scene) for number, scene in enumerate(scenes) if scene.split == split]


def _write_json(path: Path, content: object) -> None:
    write_text(path, json.dumps(content))


def _write_lines(path: Path, lines: list[str]) -> None:
    write_text(path, '\n'.join(lines) + '\n')


def coco_captions(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """Karpathy's split file."""
    images, sentence_id = [], 0
    for number, (scene, name) in enumerate(zip(plan['coco'], names['coco'], strict=True)):
        sentences = []
        for caption in image_captions(scene, rng):
            sentences.append(dict(raw=caption, tokens=caption.split(), imgid=number, sentid=sentence_id))
            sentence_id += 1
        folder, filename = name.split('/')[1:]
        images.append(
            dict(
                filepath=folder,
                filename=filename,
                imgid=number,
                cocoid=number + 1,
                split=scene.split,
                sentids=[sentence['sentid'] for sentence in sentences],
                sentences=sentences,
            )
        )
    _write_json(out / 'coco/annotations/dataset_coco.json', dict(dataset='coco', images=images))


def _instance(scene: Scene, index: int, side: int) -> dict:
    """Polygon, box and area of a thing in pixels."""
    mask = (plate(scene.things[index], side) > 0.5).astype(np.uint8)
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    polygons = [contour.reshape(-1).astype(float).tolist() for contour in contours if len(contour) >= 3]
    ys, xs = np.nonzero(mask)
    left, top = float(xs.min()), float(ys.min())
    box = [left, top, float(xs.max()) + 1 - left, float(ys.max()) + 1 - top]
    return dict(segmentation=polygons, bbox=box, area=float(mask.sum()), iscrowd=0)


def _thing_ids(scenes: list[Scene]) -> list[list[int]]:
    """An annotation id for every thing of every image, from 1."""
    ends = np.cumsum([0, *(len(scene.things) for scene in scenes)])
    return [[int(end) + 1 + index for index in range(len(scene.things))] for end, scene in zip(ends[:-1], scenes, strict=True)]


def coco_instances(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """COCO detection and segmentation files. Val is minival2014 and test is val2014; the images of both are in val2014."""
    categories = [dict(id=number + 1, name=word, supercategory='digit') for number, word in enumerate(DIGITS)]
    ids = _thing_ids(plan['coco'])
    for split, file in (('train', 'train2014'), ('val', 'minival2014'), ('test', 'val2014')):
        images, annotations = [], []
        for number, scene in _of_split(plan['coco'], split):
            filename = Path(names['coco'][number]).name
            images.append(dict(id=number + 1, file_name=filename, width=IMAGE_SIDE, height=IMAGE_SIDE))
            for index, thing in enumerate(scene.things):
                record = dict(id=ids[number][index], image_id=number + 1, category_id=thing.digit + 1)
                annotations.append({**record, **_instance(scene, index, IMAGE_SIDE)})
        content = dict(info={}, licenses=[], images=images, annotations=annotations, categories=categories)
        _write_json(out / f'coco/annotations/instances_{file}.json', content)


def refcoco(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """References in the layout of refer's files, as JSON; testA asks for digits below five, testB for the others."""
    ids = _thing_ids(plan['coco'])
    for kind in ('refcoco', 'refcoco+', 'refcocog'):
        refs, sentence_id = [], 0
        for number, scene in enumerate(plan['coco']):
            for index, thing in enumerate(scene.things):
                split = scene.split
                if split == 'test' and kind != 'refcocog':
                    split = 'testA' if thing.digit < 5 else 'testB'
                sentences = []
                for phrase in expressions(scene, index, rng, kind):
                    sentences.append(dict(raw=phrase, sent=phrase, tokens=phrase.split(), sent_id=sentence_id))
                    sentence_id += 1
                refs.append(
                    dict(
                        ref_id=len(refs),
                        ann_id=ids[number][index],
                        image_id=number + 1,
                        category_id=thing.digit + 1,
                        file_name=Path(names['coco'][number]).name,
                        split=split,
                        sentences=sentences,
                        sent_ids=[sentence['sent_id'] for sentence in sentences],
                    )
                )
        _write_json(out / f'refcoco/{kind}/refs.json', refs)


def _annotators(answer: str, rng: np.random.Generator) -> list[dict]:
    """Ten answers: people mostly agree, some use another word, a few are wrong."""
    answers = []
    for number in range(1, 11):
        given_answer, draw = answer, rng.random()
        if draw < 0.06 and answer in SYNONYMS:
            given_answer = SYNONYMS[answer]
        elif draw > 0.97:
            given_answer = 'nothing'
        answers.append(dict(answer=given_answer, answer_confidence='yes' if draw < 0.9 else 'maybe', answer_id=number))
    return answers


def vqa(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """VQA v2's pairs of files. minival2014 is for choosing, val2014 for reporting."""
    for split, file, each in (('train', 'train2014', 4), ('val', 'minival2014', 3), ('test', 'val2014', 3)):
        questions, annotations = [], []
        subtype = 'train2014' if split == 'train' else 'val2014'
        for number, scene in _of_split(plan['coco'], split):
            for index, question in enumerate(image_questions(scene, rng, each)):
                key = dict(image_id=number + 1, question_id=(number + 1) * 1000 + index)
                questions.append({**key, 'question': question.text})
                annotations.append(
                    {
                        **key,
                        'question_type': question.kind,
                        'answer_type': question.answer_type,
                        'multiple_choice_answer': question.answer,
                        'answers': _annotators(question.answer, rng),
                    }
                )
        head = dict(info={}, license={}, data_type='mscoco', data_subtype=subtype)
        _write_json(
            out / f'vqa/v2_OpenEnded_mscoco_{file}_questions.json', {**head, 'task_type': 'Open-Ended', 'questions': questions}
        )
        _write_json(out / f'vqa/v2_mscoco_{file}_annotations.json', {**head, 'annotations': annotations})


def msrvtt(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """Captions in the two videodatainfo files, and the lists of the retrieval split."""
    official = {'train': 'train', 'val': 'validate', 'test': 'test'}
    sentence_id = 0
    for splits, file in ((('train', 'val'), 'train_val'), (('test',), 'test')):
        videos, sentences = [], []
        for split in splits:
            for number, scene in _of_split(plan['msrvtt'], split):
                videos.append(
                    {
                        'category': len(scene.things),
                        'url': '',
                        'video_id': f'video{number}',
                        'start time': 0.0,
                        'end time': scene.seconds,
                        'split': official[split],
                        'id': number,
                    }
                )
                for caption in clip_captions(scene, rng):
                    sentences.append(dict(caption=caption, video_id=f'video{number}', sen_id=sentence_id))
                    sentence_id += 1
        _write_json(out / f'msrvtt/{file}_videodatainfo.json', dict(info={}, videos=videos, sentences=sentences))
    table = io.StringIO(newline='')
    rows = csv.writer(table)
    rows.writerow(['key', 'vid_key', 'video_id', 'sentence'])
    for index, (number, scene) in enumerate(_of_split(plan['msrvtt'], 'test')):
        rows.writerow([f'ret{index}', f'msr{number}', f'video{number}', clip_captions(scene, rng)[0]])
    write_text(out / 'msrvtt/MSRVTT_JSFUSION_test.csv', table.getvalue())
    train = [f'video{number}' for split in ('train', 'val') for number, _ in _of_split(plan['msrvtt'], split)]
    _write_lines(out / 'msrvtt/MSRVTT_train.9k.csv', ['video_id', *train])


def _qa_records(numbered: list[tuple[int, Scene]], first: int, rng: np.random.Generator, start: int) -> list[dict]:
    records = []
    for number, scene in numbered:
        for question in clip_questions(scene, rng, 4):
            records.append(
                dict(
                    answer=question.answer,
                    category_id=len(scene.things),
                    id=start + len(records),
                    question=question.text,
                    video_id=number + first,
                )
            )
    return records


def video_qa(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """MSRVTT-QA and MSVD-QA."""
    for collection, first in (('msrvtt', 0), ('msvd', 1)):
        start = 0
        for split in SPLITS:
            records = _qa_records(_of_split(plan[collection], split), first, rng, start)
            start += len(records)
            _write_json(out / f'{collection}_qa/{split}_qa.json', records)
    mapping = [f'{Path(name).stem} vid{number}' for number, name in enumerate(names['msvd'], 1)]
    _write_lines(out / 'msvd_qa/youtube_mapping.txt', mapping)


def msvd(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """MSVD's description file and lists of names."""
    lines = []
    for name, scene in zip(names['msvd'], plan['msvd'], strict=True):
        lines += [f'{Path(name).stem} {caption}' for caption in clip_captions(scene, rng)]
    _write_lines(out / 'msvd/AllVideoDescriptions.txt', lines)
    for split in SPLITS:
        stems = [Path(names['msvd'][number]).stem for number, _ in _of_split(plan['msvd'], split)]
        _write_lines(out / f'msvd/{split}_list.txt', stems)


def kinetics(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """Annotation lists in mmaction2's format, over the clips of one digit; the motion is the action."""
    _write_lines(out / 'kinetics/label_map.txt', list(MOTIONS))
    for split in SPLITS:
        lines = []
        for number, scene in _of_split(plan['msvd'], split):
            lines.append(f'{Path(names["msvd"][number]).name} {MOTIONS.index(scene.things[0].motion)}')
        _write_lines(out / f'kinetics/kinetics_{split}_list_videos.txt', lines)


def imagenet(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """The names of the classes. Each class has a folder of images."""
    _write_lines(out / 'imagenet/LOC_synset_mapping.txt', [f'{_WNID.format(n)} {word}' for n, word in enumerate(DIGITS)])


def glue(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """RTE: does the description of a scene entail a statement? Like the official one, the test file has no labels."""
    for split, file in zip(SPLITS, ('train', 'dev', 'test'), strict=True):
        rows = ['index\tsentence1\tsentence2' + ('' if file == 'test' else '\tlabel')]
        scenes = [scene for _, scene in _of_split(plan['text'], split)]
        for index, (number, text, true) in enumerate(statements(scenes, rng)):
            row = f'{index}\t{description(scenes[number])}\t{text}'
            rows.append(row if file == 'test' else f'{row}\t{"entailment" if true else "not_entailment"}')
        _write_lines(out / f'glue/RTE/{file}.tsv', rows)


def squad(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """SQuAD 2.0's train and dev files. Training has six passages a scene: with fewer, a model memorises the answers."""
    for split, file, each in (('train', 'train', 6), ('test', 'dev', 1)):
        scenes = [scene for _, scene in _of_split(plan['text'], split)]
        paragraphs = []
        for number in range(each * len(scenes)):
            sampled = [scenes[i] for i in rng.integers(len(scenes), size=int(rng.integers(1, 5)))]
            text, questions = passage(sampled, rng)
            qas = []
            for index, (question, answer, start) in enumerate(questions):
                answers = [] if answer is None else [dict(text=answer, answer_start=start)]
                qas.append(
                    dict(id=f'{file}-{number}-{index}', question=question, answers=answers, is_impossible=answer is None)
                )
            paragraphs.append(dict(context=text, qas=qas))
        data = [dict(title='photos', paragraphs=paragraphs)]
        _write_json(out / f'squad/{file}-v2.0.json', dict(version='v2.0', data=data))


def gigaword(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """Source and target files, a line a pair."""
    for split, file in zip(SPLITS, ('train', 'dev', 'test'), strict=True):
        scenes = [scene for _, scene in _of_split(plan['text'], split)]
        pairs = [
            summary_pair([scenes[i] for i in rng.integers(len(scenes), size=int(rng.integers(2, 4)))], rng)
            for _ in range(len(scenes))
        ]
        for kind, lines in zip(('src', 'tgt'), zip(*pairs, strict=True), strict=True):
            _write_lines(out / f'gigaword/{file}.{kind}.txt', list(lines))


def corpus(out: Path, plan: Plan, names: Names, rng: np.random.Generator) -> None:
    """Unpaired text, a document a line: passages about images that the benchmark does not have."""
    scenes = [scene for _, scene in _of_split(plan['text'], 'train')]
    lines = []
    for number in range(2 * len(scenes)):
        sampled = [scenes[i] for i in rng.integers(len(scenes), size=int(rng.integers(1, 5)))]
        lines.append(passage(sampled, rng).text if number % 2 else image_captions(sampled[0], rng)[0])
    _write_lines(out / 'corpus/corpus.txt', lines)


WRITERS: tuple[Callable[[Path, Plan, Names, np.random.Generator], None], ...] = (
    coco_captions,
    coco_instances,
    refcoco,
    vqa,
    msrvtt,
    video_qa,
    msvd,
    kinetics,
    imagenet,
    glue,
    squad,
    gigaword,
    corpus,
)
