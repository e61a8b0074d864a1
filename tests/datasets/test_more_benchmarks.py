"""Retrieval, FrameQA and NoCaps on files written by hand in each benchmark's format."""

import json

import pytest

from mplug2.datasets import LSMDC, AnnotationError, DiDeMoParagraph, Flickr30K, MSRVTTRetrieval, NoCaps, TGIFFrameQA
from mplug2.datasets.io.annotations import read_columns

from .test_benchmarks import records, write


def test_didemo_paragraphs(tmp_path):
    moments = [
        dict(video='a@N1_1_x.mov', description='A dog runs.', times=[[0, 0]], annotation_id=1),
        dict(video='b@N2_2_y.mp4', description='Rain.', times=[[1, 1]], annotation_id=2),
        dict(video='a@N1_1_x.mov', description=' it sits ', times=[[2, 3]], annotation_id=3),
    ]
    file = write(tmp_path / 'test_data.json', moments)
    assert records(DiDeMoParagraph(file, data_prefix='didemo')) == [
        dict(sample_id='a@N1_1_x', media='video', path='didemo/a@N1_1_x.mp4', captions=['A dog runs. it sits']),
        dict(sample_id='b@N2_2_y', media='video', path='didemo/b@N2_2_y.mp4', captions=['Rain.']),
    ]
    assert DiDeMoParagraph(file, suffix=None).record(0)['path'] == 'a@N1_1_x.mov'
    del moments[1]['description']
    with pytest.raises(AnnotationError, match="record 1 has no key 'description'"):
        DiDeMoParagraph(write(tmp_path / 'bad.json', moments))


def test_lsmdc(tmp_path):
    clip = '1004_Juno_00.00.32.767-00.00.37.121'
    line = f'{clip}\t00.00.32.767\t00.00.37.121\t00.00.32.7\t00.00.37.1\tSOMEONE walks "home".'
    data = LSMDC(write(tmp_path / 'LSMDC16_annos_val.csv', line + '\n'), data_prefix='lsmdc')
    path = f'lsmdc/1004_Juno/{clip}.avi'
    assert records(data) == [dict(sample_id=clip, media='video', path=path, captions=['SOMEONE walks "home".'])]
    with pytest.raises(AnnotationError, match=r'line 2 has 2 tab-separated fields; expected 6'):
        LSMDC(write(tmp_path / 'bad.csv', f'{line}\na\tb'))
    with pytest.raises(AnnotationError, match="line 1: 'Juno' is not a clip"):
        LSMDC(write(tmp_path / 'worse.csv', line.replace(clip, 'Juno')))


def test_lines_end_where_files_say(tmp_path):
    line = '1004_Juno_00.00.32.767-00.00.37.121\t1\t2\t3\t4\tShe says\x85\u2028 nothing.'
    data = LSMDC(write(tmp_path / 'val.csv', f'{line}\r\n'))
    assert data.record(0)['captions'] == ['She says\x85\u2028 nothing.']
    table = write(tmp_path / 'table.csv', 'video_id,key\r\n"a\nb",x\u2028y\r\n')
    assert read_columns(table, ['key', 'video_id']) == [['x\u2028y', 'a\nb']]
    (tmp_path / 'latin.csv').write_bytes(line.encode().replace(b'nothing', b'\xe9t\xe9'))
    with pytest.raises(AnnotationError, match=r'latin\.csv is not UTF-8'):
        LSMDC(tmp_path / 'latin.csv')


def test_frame_qa(tmp_path):
    head = 'gif_name\tquestion\tanswer\ttype\tvid_id\tdescription\n'
    lines = [f'tumblr_{n // 2}\twhat is {n} ?\tcat\t{n % 5}\tFRAMEQA{n}\ta cat' for n in range(40)]
    file = write(tmp_path / 'Train_frameqa_question.csv', head + '\n'.join(lines))
    whole = records(TGIFFrameQA(file, 'train+val', data_prefix='tgif'))
    assert whole[3] == dict(
        sample_id=3,
        media='video',
        path='tgif/tumblr_1.mp4',
        question='what is 3 ?',
        question_id=3,
        answers=['cat'],
        question_type='location',
    )
    assert whole[4]['question_type'] == 'other'
    train, val = (records(TGIFFrameQA(file, split)) for split in ('train', 'val'))
    assert len(val) == 4
    assert len(train) == 36
    assert not {record['path'] for record in train} & {record['path'] for record in val}
    assert records(TGIFFrameQA(file, 'val')) == val
    with pytest.raises(AnnotationError, match="no column 'type'"):
        TGIFFrameQA(write(tmp_path / 'bad.csv', 'gif_name\tquestion\tanswer\n'), 'test')
    with pytest.raises(ValueError, match='split is one of'):
        TGIFFrameQA(file, 'dev')


def test_flickr(tmp_path):
    images = [
        dict(filename=f'{n}.jpg', split=split, imgid=n, sentences=[dict(raw=' A man. '), dict(raw='One.')])
        for n, split in enumerate(('train', 'test', 'train'))
    ]
    file = write(tmp_path / 'dataset_flickr30k.json', dict(images=images, dataset='flickr30k'))
    assert records(Flickr30K(file, 'test', data_prefix='f')) == [
        dict(sample_id='1.jpg', media='image', path='f/1.jpg', captions=['A man.', 'One.'])
    ]
    assert len(Flickr30K(file, 'train', each='caption')) == 4
    with pytest.raises(ValueError, match='split is one of'):
        Flickr30K(file, 'restval')


def test_nocaps(tmp_path):
    images = [dict(id=0, file_name='00a.jpg', domain='near-domain'), dict(id=1, file_name='00b.jpg')]
    annotations = [dict(image_id=0, id=0, caption='A wombat. '), dict(image_id=0, id=1, caption='One wombat.')]
    val = NoCaps(write(tmp_path / 'val.json', dict(images=images, annotations=annotations)), data_prefix='n', test_mode=True)
    assert val.record(0) == dict(
        sample_id=0,
        media='image',
        path='n/00a.jpg',
        image_id=0,
        captions=['A wombat.', 'One wombat.'],
        domain='near-domain',
    )
    test = NoCaps(write(tmp_path / 'test.json', dict(images=images)))
    assert [(record['captions'], record['domain']) for record in records(test)] == [([], 'near-domain'), ([], None)]
    with pytest.raises(AnnotationError, match='about image 7'):
        NoCaps(write(tmp_path / 'bad.json', dict(images=images, annotations=[dict(image_id=7, caption='x')])))


def test_msrvtt_1k_a(tmp_path, mini_home):
    table = 'key,vid_key,video_id,sentence\nret0,msr9770,video9770,"a person, a shoe"\nret1,msr9771,video9771,a car\n'
    data = MSRVTTRetrieval(write(tmp_path / 'test.csv', table), data_prefix='v')
    assert records(data)[0] == dict(sample_id='video9770', media='video', path='v/video9770.mp4', captions=['a person, a shoe'])
    mini = MSRVTTRetrieval(f'{mini_home}/data/mini/msrvtt/MSRVTT_JSFUSION_test.csv')
    official = json.loads((mini_home / 'data/mini/msrvtt/test_videodatainfo.json').read_text())
    assert [record['sample_id'] for record in records(mini)] == [video['video_id'] for video in official['videos']]
