"""Annotation files as editors, spreadsheets and other tools leave them: read rightly, or refused by file, record and key."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mplug2.datasets import (
    GLUE,
    MSRVTTQA,
    MSVDQA,
    CocoCaption,
    DiDeMoParagraph,
    Food101,
    Gigaword,
    ImageNet,
    JsonlDataset,
    Kinetics,
    MSRVTTCaption,
    MSRVTTRetrieval,
    NoCaps,
    RefCOCO,
    SQuAD,
    StanfordCars,
    TextCorpus,
    TGIFFrameQA,
    VisualGenomeQA,
    VQAv2,
)
from mplug2.datasets.io.annotations import read_json
from mplug2.datasets.io.bad_samples import AnnotationError, BadSampleError
from mplug2.datasets.transforms import AnswerWindows, BoxTarget
from mplug2.evaluation import ExactMatch, SQuADMetric
from mplug2.text import BertTokenizer
from mplug2.text.class_names import read_class_names

MARK = '\ufeff'


@pytest.fixture
def write(tmp_path: Path) -> Callable[[str, Any], str]:
    """Writes a text, or anything else as JSON; returns the path."""

    def write(name: str, content: Any) -> str:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content if isinstance(content, str) else json.dumps(content), encoding='utf-8')
        return str(path)

    return write


def records(dataset: Any) -> list[dict]:
    return [dataset.record(index) for index in range(len(dataset))]


def msrvtt(*captions: str | None) -> dict:
    sentences = [dict(video_id='video0', caption=caption) for caption in captions]
    return dict(videos=[dict(video_id='video0', split='train')], sentences=sentences)


def squad(**question: Any) -> dict:
    paragraph = dict(context='Paris is big.', qas=[dict(id='1', question='q') | question])
    return dict(data=[dict(paragraphs=[paragraph])])


def test_a_byte_order_mark_is_no_part_of_the_text(write: Callable[[str, Any], str]) -> None:
    (caption,) = records(MSRVTTCaption(write('a.json', MARK + json.dumps(msrvtt('a dog'))), split='train'))
    assert caption['captions'] == ['a dog']
    (caption,) = records(MSRVTTRetrieval(write('a.csv', f'{MARK}video_id,sentence\nvideo1,a b\n')))
    assert caption['captions'] == ['a b']
    (clip,) = records(Kinetics(write('list.txt', f'{MARK}a/b.mp4 3\n')))
    assert (clip['path'], clip['label']) == ('a/b.mp4', 3)
    (text,) = records(TextCorpus(write('corpus.txt', f'{MARK}hello\n')))
    assert text['text'] == 'hello'
    (pair,) = records(Gigaword(write('a.src', f'{MARK}police say .\n'), write('a.tgt', f'{MARK}police\n')))
    assert (pair['document'], pair['summaries']) == ('police say .', ['police'])
    assert read_class_names(write('names.txt', f'{MARK}cat\ndog\n')) == ['cat', 'dog']


def test_tabs_are_read_without_quotes(write: Callable[[str, Any], str]) -> None:
    rows = 'gif_name\tquestion\tanswer\ttype\ng1\t"what is it ?\tcat\t0\ng2\twhat ?\tdog\t0\n'
    found = records(TGIFFrameQA(write('t.csv', rows), split='test'))
    assert [(record['question'], record['answers']) for record in found] == [('"what is it ?', ['cat']), ('what ?', ['dog'])]


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda w: MSRVTTCaption(w('f.json', msrvtt(None)), split='train'), 'sentences 0: caption is null; expected a text'),
        (lambda w: DiDeMoParagraph(w('f.json', [dict(video='a.avi', description=None)])), 'record 0: description is null'),
        (
            lambda w: CocoCaption(
                w(
                    'f.json',
                    dict(images=[dict(cocoid=1, filepath='v', filename='x.jpg', split='train', sentences=[dict(raw=None)])]),
                ),
                split='train',
            ),
            'image 1: sentence 0: raw is null',
        ),
        (
            lambda w: NoCaps(
                w('f.json', dict(images=[dict(id=0, file_name='x')], annotations=[dict(image_id=0, caption=None)]))
            ),
            'annotations 0: caption is null',
        ),
        (
            lambda w: VisualGenomeQA(w('q.json', []), w('f.json', [dict(image_id=1, url=None)])),
            'record 0: url is null; expected a text',
        ),
        (lambda w: MSRVTTRetrieval(w('f.csv', 'video_id,sentence\nvideo1\n')), "row 0 has no cell in the column 'sentence'"),
        (lambda w: MSRVTTQA(w('f.json', [dict(id=1, question='q', answer=2, video_id=7)])), 'record 0: answer is 2'),
        (lambda w: MSRVTTQA(w('f.json', [dict(id=1, question='q', video_id=7)])), "record 0 has no key 'answer'"),
        (lambda w: MSRVTTQA(w('f.json', [dict(id=1, question='q', answer='a', video_id=True)])), 'video_id is True'),
        (
            lambda w: VQAv2(
                w('f.json', dict(data_subtype='val2014', questions=[dict(image_id='42', question='q', question_id=1)]))
            ),
            "questions 0: image_id is '42'; expected a number",
        ),
        (lambda w: VQAv2(w('f.json', dict(data_subtype='val2014', questions=None))), 'questions is null; expected a list'),
        (lambda w: SQuAD(w('f.json', squad(answers=None))), 'question 1, record 0: answers is null; expected a list'),
        (lambda w: SQuAD(w('f.json', squad(answers=[dict(text='big', answer_start='9')]))), "answer_start is '9'"),
        (lambda w: SQuAD(w('f.json', squad())), "has no key 'answers'"),
        (lambda w: Kinetics(w('f.txt', 'a.mp4 1 2\n')), "entry 1 is 'a.mp4 1 2'; expected a path and one label"),
        (lambda w: GLUE('sst2', w('f.tsv', 'sentence\tlabel\tindex\na\t1\tx\n')), "row 0 has the index 'x'"),
        (lambda w: MSRVTTCaption(w('f.json', msrvtt(' ')), split='train'), 'video0 has no caption that holds a word'),
        (
            lambda w: MSRVTTCaption([w('g.json', msrvtt('a')), w('f.json', msrvtt('b'))], split='train'),
            "the video 'video0' is listed twice",
        ),
        (lambda w: read_json(w('f.json', '[' * 100_000)), 'is nested too deeply'),
        (lambda w: read_json(w('f.json', '9' * 5000)), 'is not JSON: Exceeds the limit'),
    ],
)
def test_wrong_values_are_named(build: Callable[[Callable], Any], message: str, write: Callable[[str, Any], str]) -> None:
    with pytest.raises(AnnotationError) as caught:
        build(write)
    assert message in str(caught.value)
    assert '/f.' in str(caught.value)


def test_blank_captions_are_not_trained_on(write: Callable[[str, Any], str]) -> None:
    found = records(MSRVTTCaption(write('a.json', msrvtt('', 'a dog', ' ')), split='train', each='caption'))
    assert [record['captions'] for record in found] == [['a dog']]


def test_hidden_test_sets_are_read_and_written_but_not_scored(write: Callable[[str, Any], str], tmp_path: Path) -> None:
    (caption,) = records(MSRVTTCaption(write('a.json', msrvtt()), split='train', test_mode=True))
    assert caption['captions'] == []
    (question,) = records(MSRVTTQA(write('q.json', [dict(id=1, question='how many ?', video_id=7)]), test_mode=True))
    assert question['answers'] is None
    (passage,) = records(SQuAD(write('s.json', squad()), test_mode=True))
    assert passage['answers'] is None
    for metric, answer in ((ExactMatch, 'two'), (SQuADMetric, 'two')):
        sample = dict(sample_id=1, question_id='1', pred_answer=answer, answers=None)
        written = metric(out_file=str(tmp_path / 'out.json'))
        written.process({}, [sample])
        assert written.evaluate(1) == {}
        assert answer in (tmp_path / 'out.json').read_text()
        with pytest.raises(ValueError, match='no answers to score; for a test split give out_file'):
            metric().process({}, [sample])


@pytest.mark.parametrize('box', [[], [1, 2, 3], [0, 0, float('nan'), 4], [0, 0, 1e999, 4], [5, 5, -1, 4], [1, 2, '3', 4]])
def test_boxes_without_an_extent_are_refused(box: list, write: Callable[[str, Any], str]) -> None:
    refs = [dict(ref_id=1, ann_id=1, image_id=1, split='train', sentences=[dict(sent_id=1, sent='left dog')])]
    instances = dict(images=[dict(id=1, file_name='a.jpg')], annotations=[dict(id=1, bbox=box)])
    with pytest.raises(AnnotationError, match=r'i\.json: annotations 0: bbox is .*; expected \[left, top, width, height\]'):
        RefCOCO(write('r.json', refs), write('i.json', instances), split='train')


@pytest.mark.parametrize(
    ('name', 'path'),
    [
        ('COCO_train2014_000000000001.jpg', 'train2014/COCO_train2014_000000000001.jpg'),
        ('my_own_photo.jpg', 'my_own_photo.jpg'),
    ],
)
def test_only_official_names_say_their_folder(name: str, path: str, write: Callable[[str, Any], str]) -> None:
    refs = [dict(ref_id=1, ann_id=1, image_id=1, split='train', sentences=[dict(sent_id=1, sent='left dog')])]
    instances = dict(images=[dict(id=1, file_name=name)], annotations=[dict(id=1, bbox=[1, 2, 3, 4])])
    (record,) = records(RefCOCO(write('r.json', refs), write('i.json', instances), split='train'))
    assert record['path'] == path
    assert record['boxes'] == [[1, 2, 4, 6]]


def test_class_folders_of_ones_own(write: Callable[[str, Any], str], tmp_path: Path) -> None:
    for name in ('cats/a.jpg', 'cats/._a.jpg', 'cats/.hidden/c.jpg', 'cats/more/d.webp', 'dogs/b.BMP', 'dogs/notes.txt'):
        write(f'own/{name}', 'x')
    found = records(ImageNet(write('classes.txt', 'cats\ndogs\n'), data_prefix=str(tmp_path / 'own')))
    assert [(Path(record['path']).name, record['label']) for record in found] == [('a.jpg', 0), ('d.webp', 0), ('b.BMP', 1)]
    with pytest.raises(ValueError, match=r"twice\.txt: names the class 'cats' more than once"):
        ImageNet(write('twice.txt', 'cats\ncats\n'), data_prefix=str(tmp_path / 'own'))


def test_a_text_without_a_token_is_a_bad_sample() -> None:
    windows = AnswerWindows(BertTokenizer('mini'))
    with pytest.raises(BadSampleError, match='no token in which an answer could be'):
        windows(dict(question='q', context=' ', test_mode=True, answers=[], answer_starts=[]))


@pytest.mark.parametrize('box', [[0, 0, float('nan'), 4], [0, 0, float('inf'), 4], [9, 0, 4, 4]])
def test_a_box_that_is_none_is_a_bad_sample(box: list[float]) -> None:
    import numpy as np

    frames = np.zeros((1, 8, 8, 3), np.uint8)
    with pytest.raises(BadSampleError, match=r'a\.jpg: the box .* is not x1 y1 x2 y2'):
        BoxTarget(BertTokenizer('mini'), dict(num_bins=9))(dict(frames=frames, boxes=[box], path='a.jpg'))


def test_a_name_may_begin_like_a_comment(write: Callable[[str, Any], str]) -> None:
    assert [record['path'] for record in records(Kinetics(write('k.txt', '#a/b.mp4 0\nc.mp4 1\n')))] == ['#a/b.mp4', 'c.mp4']


def test_a_class_that_is_listed_twice_would_move_the_labels_behind_it(write: Callable[[str, Any], str]) -> None:
    with pytest.raises(ValueError, match="line 2 names the class 'n01440764' once more"):
        read_class_names(write('s.txt', 'n01440764 tench\nn01440764 fish\nn01443537 goldfish\n'))


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda w: VQAv2(w('q.json', dict(data_subtype=5, questions=[]))), r'q\.json: data_subtype is 5; expected a text'),
        (lambda w: MSRVTTQA(w('f.json', [5])), r"f\.json: record 0 is 5; expected an object with the key 'question'"),
        (
            lambda w: MSRVTTQA(w('f.json', [dict(id=[1], question='q', answer='a', video_id=7)])),
            r'f\.json: record 0: id is \[1\]; expected a number or a text',
        ),
        (
            lambda w: RefCOCO(
                w('r.json', []),
                [w(f'{name}.json', dict(images=[dict(id=1, file_name=name)], annotations=[])) for name in 'ab'],
                split='train',
            ),
            r'b\.json: the image 1 is b, and a here or in an earlier file',
        ),
        (
            lambda w: ImageNet(w('s.txt', 'n01440764 tench'), w('val.csv', 'ImageId,PredictionString\na, \n')),
            r'val\.csv: row 0: PredictionString is blank',
        ),
        (lambda w: StanfordCars(w('a.mat', 'nothing')), r'a\.mat: no Matlab file'),
        (
            lambda w: JsonlDataset(w('o.jsonl', '{"media": "a.jpg", "label": -1}')),
            r'o\.jsonl: record 1: the label -1 is below 0',
        ),
        (
            lambda w: JsonlDataset(w('o.jsonl', '{"media": "a.jpg", "phrase": "p", "box": [0, 0, Infinity, 5]}')),
            r'o\.jsonl: record 1: a box is .*not \[0, 0, inf, 5\]',
        ),
        (lambda w: MSVDQA(w('f.json', []), w('m.txt', 'a vid1\nb vid1\n')), r"m\.txt: vid1 is 'b', and 'a' in an earlier line"),
        (lambda w: Food101(w('c.txt', 'pie\nsoup\npie\n'), w('f.txt', 'pie/1\n')), "Food101: the class 'pie' is listed more"),
    ],
)
def test_files_of_other_types_or_that_contradict_each_other(
    write: Callable[[str, Any], str], build: Callable[[Callable], Any], message: str
) -> None:
    with pytest.raises(AnnotationError, match=message):
        build(write)
