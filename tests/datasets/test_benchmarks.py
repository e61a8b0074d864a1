"""Every dataset class on files written by hand in its benchmark's format."""

import json
import pickle

import pytest

from mplug2.datasets import MSRVTTQA, MSVDQA, AnnotationError, CocoCaption, MSRVTTCaption, MSVDCaption, VQAv2
from mplug2.registry import DATASETS


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return str(path)


def records(dataset) -> list[dict]:
    return [dataset.record(index) for index in range(len(dataset))]


@pytest.fixture
def coco(tmp_path):
    def image(number, folder, split, *captions):
        return dict(
            filepath=folder,
            filename=f'COCO_{folder}_{number:012d}.jpg',
            imgid=number,
            cocoid=number,
            split=split,
            sentids=list(range(len(captions))),
            sentences=[dict(raw=text, tokens=text.split(), imgid=number, sentid=0) for text in captions],
        )

    images = [
        image(9, 'train2014', 'train', 'A cat.', ' Two cats. '),
        image(42, 'val2014', 'restval', 'A dog.'),
        image(73, 'val2014', 'val', 'A cow.'),
        image(74, 'val2014', 'test', 'A pig.', 'One pig.'),
    ]
    return write(tmp_path / 'dataset_coco.json', dict(images=images, dataset='coco'))


def test_coco_captions(coco):
    train = CocoCaption(coco, 'train', data_prefix='data/coco/')
    assert records(train) == [
        dict(
            sample_id=9,
            media='image',
            path='data/coco/train2014/COCO_train2014_000000000009.jpg',
            captions=['A cat.', 'Two cats.'],
        ),
        dict(sample_id=42, media='image', path='data/coco/val2014/COCO_val2014_000000000042.jpg', captions=['A dog.']),
    ]
    assert [record['sample_id'] for record in records(CocoCaption(coco, 'val'))] == [73]
    assert [record['sample_id'] for record in records(CocoCaption(coco, 'test', test_mode=True))] == [74]
    assert train.metainfo == {'dataset': 'CocoCaption'}


def test_one_item_a_caption(coco):
    each = CocoCaption(coco, 'train', each='caption')
    assert [(record['sample_id'], record['captions']) for record in records(each)] == [
        (9, ['A cat.']),
        (9, ['Two cats.']),
        (42, ['A dog.']),
    ]
    with pytest.raises(ValueError, match="each='caption' is for training"):
        CocoCaption(coco, 'test', each='caption', test_mode=True)
    with pytest.raises(ValueError, match="'sample' or 'caption'"):
        CocoCaption(coco, 'test', each='word')


def test_subsets_pickling_and_building_by_name(coco):
    assert len(CocoCaption(coco, 'train', indices=1)) == 1
    assert CocoCaption(coco, 'train', indices=[1]).record(0)['sample_id'] == 42
    built = DATASETS.build(dict(type='CocoCaption', ann_file=coco, split='train', metainfo=dict(classes=('a',))))
    assert built.metainfo['classes'] == ('a',)
    assert records(pickle.loads(pickle.dumps(built))) == records(built)


def test_coco_faults(tmp_path, coco):
    with pytest.raises(ValueError, match="'train', 'val', 'test', not 'minival'"):
        CocoCaption(coco, 'minival')
    with pytest.raises(FileNotFoundError, match=r'no annotation file .*none\.json'):
        CocoCaption(str(tmp_path / 'none.json'), 'train')
    with pytest.raises(AnnotationError, match=r'bad\.json is not JSON'):
        CocoCaption(write(tmp_path / 'bad.json', '{"images": ['), 'train')
    with pytest.raises(AnnotationError, match=r"bad\.json: no key 'images' at the top level; there is annotations"):
        CocoCaption(write(tmp_path / 'bad.json', dict(annotations=[])), 'train')
    content = json.loads((tmp_path / 'dataset_coco.json').read_text())
    del content['images'][1]['filename']
    with pytest.raises(AnnotationError, match=r"bad\.json: images 1 has no key 'filename'; it has 'filepath'"):
        CocoCaption(write(tmp_path / 'bad.json', content), 'train')
    content['images'][1]['filename'] = 'a.jpg'
    content['images'][0]['sentences'] = [dict(text='A cat.')]
    with pytest.raises(AnnotationError, match=r"image 9: sentence 0 has no key 'raw'"):
        CocoCaption(write(tmp_path / 'bad.json', content), 'train')
    content['images'][0]['sentences'] = []
    with pytest.raises(AnnotationError, match=r'bad\.json: 9 has no caption that holds a word'):
        CocoCaption(write(tmp_path / 'bad.json', content), 'train')
    with pytest.raises(AnnotationError, match=r'CocoCaption: no samples in .*bad\.json'):
        CocoCaption(write(tmp_path / 'bad.json', dict(images=[])), 'train')


def vqa_files(folder, subtype, first):
    questions = [
        dict(image_id=first, question='What is it?', question_id=first * 1000),
        dict(image_id=first, question='Is it red?', question_id=first * 1000 + 1),
    ]
    answers = [
        dict(
            question_id=question['question_id'],
            image_id=first,
            question_type='what is',
            answer_type='other',
            multiple_choice_answer='cat',
            answers=[dict(answer='cat', answer_confidence='yes', answer_id=n) for n in range(1, 11)],
        )
        for question in reversed(questions)
    ]
    head = dict(info={}, license={}, data_type='mscoco', data_subtype=subtype)
    return (
        write(folder / f'{subtype}_questions.json', dict(head, task_type='Open-Ended', questions=questions)),
        write(folder / f'{subtype}_annotations.json', dict(head, annotations=answers)),
    )


def test_vqa(tmp_path):
    train, val = vqa_files(tmp_path, 'train2014', 9), vqa_files(tmp_path, 'val2014', 42)
    dataset = VQAv2([train[0], val[0]], [train[1], val[1]], data_prefix='coco')
    assert len(dataset) == 4
    assert dataset.record(3) == dict(
        sample_id=42001,
        media='image',
        path='coco/val2014/COCO_val2014_000000000042.jpg',
        question='Is it red?',
        question_id=42001,
        answers=['cat'] * 10,
        question_type='what is',
        answer_type='other',
    )


def test_vqa_test_splits_have_no_answers(tmp_path):
    dataset = VQAv2(vqa_files(tmp_path, 'test-dev2015', 7)[0], test_mode=True)
    assert dataset.record(0)['path'] == 'test2015/COCO_test2015_000000000007.jpg'
    assert 'answers' not in dataset.record(0)


def test_vqa_faults(tmp_path):
    questions, annotations = vqa_files(tmp_path, 'val2014', 42)
    with pytest.raises(ValueError, match='2 question files need as many'):
        VQAv2([questions, questions], annotations)
    content = json.loads((tmp_path / 'val2014_annotations.json').read_text())
    content['annotations'][0]['answers'][3] = dict(text='cat')
    with pytest.raises(AnnotationError, match=r"bad\.json: question_id 42001: answer 3 has no key 'answer'"):
        VQAv2(questions, write(tmp_path / 'bad.json', content))
    del content['annotations'][0]
    with pytest.raises(AnnotationError, match=r'bad\.json: no annotation of question_id 42001'):
        VQAv2(questions, write(tmp_path / 'bad.json', content))
    del content['annotations'][0]['answer_type']
    with pytest.raises(AnnotationError, match=r"bad\.json: annotations 0 has no key 'answer_type'"):
        VQAv2(questions, write(tmp_path / 'bad.json', content))
    with pytest.raises(AnnotationError, match=r"no key 'data_subtype'"):
        VQAv2(write(tmp_path / 'bad.json', dict(questions=[])))


@pytest.fixture
def msrvtt(tmp_path):
    def part(name, **splits):
        videos = [
            {'category': 1, 'url': '', 'video_id': video, 'start time': 0.0, 'end time': 1.0, 'split': split, 'id': 0}
            for video, split in splits.items()
        ]
        sentences = [dict(caption=f'{word} {video}', video_id=video, sen_id=0) for word in ('a', 'the') for video in splits]
        return write(tmp_path / name, dict(info={}, videos=videos, sentences=sentences))

    return [
        part('train_val_videodatainfo.json', video0='train', video1='train', video2='validate'),
        part('test_videodatainfo.json', video3='test', video4='test'),
    ]


@pytest.mark.parametrize(
    ('split', 'expected'),
    [('train', [0, 1]), ('validate', [2]), ('train+validate', [0, 1, 2]), ('test', [3, 4])],
)
def test_msrvtt_splits(msrvtt, split, expected):
    dataset = MSRVTTCaption(msrvtt, split, data_prefix='videos')
    assert records(dataset) == [
        dict(
            sample_id=f'video{number}',
            media='video',
            path=f'videos/video{number}.mp4',
            captions=[f'a video{number}', f'the video{number}'],
        )
        for number in expected
    ]


def test_msrvtt_lists(tmp_path, msrvtt):
    train = write(tmp_path / 'MSRVTT_train.9k.csv', 'video_id\nvideo1\nvideo3\n')
    test = write(tmp_path / 'MSRVTT_JSFUSION_test.csv', 'key,vid_key,video_id,sentence\nret0,msr4,video4,"one, two"\n')
    plain = write(tmp_path / 'ids.txt', 'video0\n\nvideo4\n')
    for ids, split, expected in (
        (train, '9k', ['video1', 'video3']),
        (test, '1k-A', ['video4']),
        (plain, '9k', ['video0', 'video4']),
    ):
        assert [record['sample_id'] for record in records(MSRVTTCaption(msrvtt, split, ids=ids))] == expected
    with pytest.raises(ValueError, match='need ids, the others take none'):
        MSRVTTCaption(msrvtt, '9k')
    with pytest.raises(ValueError, match='need ids, the others take none'):
        MSRVTTCaption(msrvtt, 'train', ids=train)
    with pytest.raises(AnnotationError, match=r"9k\.csv lists 'video3', which is in none of .*train_val"):
        MSRVTTCaption(msrvtt[0], '9k', ids=train)
    with pytest.raises(AnnotationError, match=r"wrong\.csv: no column 'video_id'; its columns are id"):
        MSRVTTCaption(msrvtt, '9k', ids=write(tmp_path / 'wrong.csv', 'id\nvideo0\n'))


def test_msrvtt_faults(tmp_path):
    videos = [dict(video_id='video0', split='train')]
    sentences = [dict(video_id='video9', caption='a')]
    with pytest.raises(AnnotationError, match=r"bad\.json: sentences 0 is about 'video9'"):
        MSRVTTCaption(write(tmp_path / 'bad.json', dict(videos=videos, sentences=sentences)), 'train')
    with pytest.raises(AnnotationError, match=r"bad\.json: sentences 0 has no key 'caption'"):
        MSRVTTCaption(write(tmp_path / 'bad.json', dict(videos=videos, sentences=[dict(video_id='video0')])), 'train')
    with pytest.raises(AnnotationError, match=r'bad\.json: video0 has no caption that holds a word'):
        MSRVTTCaption(write(tmp_path / 'bad.json', dict(videos=videos, sentences=[])), 'train')


def test_msrvtt_qa(tmp_path):
    content = [dict(answer='couch', category_id=14, id=30, question='what is it?', video_id=6513)]
    official = MSRVTTQA(write(tmp_path / 'train_qa.json', content), data_prefix='videos')
    assert records(official) == [
        dict(
            sample_id=30,
            media='video',
            path='videos/video6513.mp4',
            question='what is it?',
            question_id=30,
            answers=['couch'],
            question_type='what',
        )
    ]
    lines = '{"answer": "man", "question": "Who is it?", "video_id": "video7.mp4"}\n\n'
    lines += '{"answer": "yes", "question": "is it?", "video_id": "video8.mp4"}\n'
    community = MSRVTTQA(write(tmp_path / 'test.jsonl', lines), suffix='.avi')
    assert [(r['sample_id'], r['path'], r['question_type']) for r in records(community)] == [
        (0, 'video7.avi', 'who'),
        (1, 'video8.avi', 'other'),
    ]


def test_video_qa_faults(tmp_path):
    with pytest.raises(AnnotationError, match=r"bad\.json: record 0 has no key 'answer'; it has 'question'"):
        MSRVTTQA(write(tmp_path / 'bad.json', [dict(question='a', video_id=1)]))
    with pytest.raises(AnnotationError, match='expected a list of records, found a dict'):
        MSRVTTQA(write(tmp_path / 'bad.json', {}))
    with pytest.raises(AnnotationError, match=r'bad\.jsonl: line 1 is not JSON'):
        MSRVTTQA(write(tmp_path / 'bad.jsonl', '{'))


def test_msvd_captions(tmp_path):
    text = '# names and captions\n\n-4wsuPCjDBc_5_15 a cat eats\n-4wsuPCjDBc_5_15 the cat is eating\n'
    text += 'abc_1_2 a dog\nxyz_0_1 a cow\n'
    descriptions = write(tmp_path / 'AllVideoDescriptions.txt', text)
    split = write(tmp_path / 'train_list.txt', 'abc_1_2\n-4wsuPCjDBc_5_15\n')
    assert records(MSVDCaption(descriptions, split, data_prefix='YouTubeClips')) == [
        dict(sample_id='abc_1_2', media='video', path='YouTubeClips/abc_1_2.avi', captions=['a dog']),
        dict(
            sample_id='-4wsuPCjDBc_5_15',
            media='video',
            path='YouTubeClips/-4wsuPCjDBc_5_15.avi',
            captions=['a cat eats', 'the cat is eating'],
        ),
    ]
    assert MSVDCaption(descriptions, split, suffix='.mp4').record(0)['path'] == 'abc_1_2.mp4'
    with pytest.raises(AnnotationError, match=r"val_list\.txt lists 'none_1_2', which .*Descriptions\.txt does not describe"):
        MSVDCaption(descriptions, write(tmp_path / 'val_list.txt', 'none_1_2\n'))
    with pytest.raises(AnnotationError, match="the line 'abc_1_2' has no caption"):
        MSVDCaption(write(tmp_path / 'bad.txt', 'abc_1_2\n'), split)


def test_msvd_qa(tmp_path):
    mapping = write(tmp_path / 'youtube_mapping.txt', '-4wsuPCjDBc_5_15 vid1\nabc_1_2 vid2\n')
    questions = write(tmp_path / 'val_qa.json', [dict(answer='cat', id=0, question='what eats?', video_id=2)])
    assert MSVDQA(questions, mapping, data_prefix='v').record(0)['path'] == 'v/abc_1_2.avi'
    lines = write(tmp_path / 'val.jsonl', '{"answer": "cat", "question": "what?", "video_id": "abc_1_2.avi"}')
    assert MSVDQA(lines).record(0)['path'] == 'abc_1_2.avi'
    with pytest.raises(AnnotationError, match=r'record 0 names its clip by number: give mapping'):
        MSVDQA(questions)
    with pytest.raises(AnnotationError, match=r'record 0 is about vid2, which .*short\.txt does not have'):
        MSVDQA(questions, write(tmp_path / 'short.txt', 'abc_1_2 vid1\n'))
    with pytest.raises(AnnotationError, match="the line 'abc' is not 'name vidN'"):
        MSVDQA(questions, write(tmp_path / 'short.txt', 'abc\n'))
