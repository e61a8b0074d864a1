"""Data of one's own: the schema, what is wrong with a line, and the check of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplug2.cli import main
from mplug2.config.load import config_folder, load_config
from mplug2.datasets import AnnotationError, JsonlDataset
from mplug2.registry import DATASETS
from mplug2.testing.shrink import shrink
from tests.datasets.media import write_image, write_video


def write(path: Path, *lines: dict) -> str:
    path.write_text(''.join(f'{json.dumps(line)}\n' for line in lines))
    return str(path)


def test_captions_questions_classes_and_boxes(tmp_path: Path) -> None:
    file = write(
        tmp_path / 'own.jsonl',
        dict(media='a.mp4', captions=['a dog', 'a brown dog'], question='what ?', answer='dog', label='dog'),
        dict(media='b', kind='image', caption='a cat', label='cat', phrase='the cat', box=[1, 2, 3, 4]),
        dict(media='c.jpg', id='c', split='test', caption='an ant', label='ant', question='what ?', answers=['ant', 'bug']),
    )
    first, second = (JsonlDataset(file, data_prefix='x').record(number) for number in (0, 1))
    assert first == dict(
        sample_id=1,
        media='video',
        path='x/a.mp4',
        captions=['a dog', 'a brown dog'],
        question='what ?',
        answers=['dog'],
        label=2,
    )
    assert second == dict(
        sample_id=2, media='image', path='x/b', captions=['a cat'], label=1, phrase='the cat', boxes=[[1.0, 2.0, 3.0, 4.0]]
    )
    assert len(JsonlDataset(file, each='caption')) == 3
    test = JsonlDataset(file, split='test', target='label', test_mode=True)
    assert (test.record(0)['sample_id'], test.record(0)['label']) == ('c', 0)
    assert test.metainfo['classes'] == ['ant', 'cat', 'dog']
    with pytest.raises(AnnotationError, match='record 2: the line has no answers'):
        JsonlDataset(file, target='answers')
    bare = write(tmp_path / 'bare.jsonl', dict(media='a.mp4', split='test'))
    assert JsonlDataset(bare, split='test', test_mode=True).record(0)['captions'] == []


def test_texts_boxes_and_parts_of_clips(tmp_path: Path) -> None:
    file = write(
        tmp_path / 'own.jsonl',
        dict(sentence1='a dog runs', sentence2='it moves', label='yes'),
        dict(document='a long text', summaries=['short', 'brief'], split='news'),
        dict(context='a brown dog', question='which dog ?', answer='brown', id='q', split='qa'),
        dict(context='a dog', question='which cat ?', answers=[], split='qa'),
        dict(media='a.jpg', boxes=[[0, 0, 4, 4], [1, 1, 2, 3]], labels=['dog', 'ant'], split='boxes'),
        dict(media='b.jpg', boxes=[], labels=[], split='boxes'),
        dict(media='c.mp4', caption='later', start=1, end=2.0, split='clips'),
    )
    pair = JsonlDataset(file, target='label').record(0)
    assert (pair['media'], pair['sentence2'], pair['label']) == ('text', 'it moves', 0)
    assert JsonlDataset(file, split='news', target='summaries').record(0)['summaries'] == ['short', 'brief']
    answered, silent = (JsonlDataset(file, split='qa', target='answers').record(number) for number in (0, 1))
    assert (answered['answers'], answered['answer_starts'], answered['question_id']) == (['brown'], [2], 'q')
    assert (silent['answers'], silent['answer_starts']) == ([], [])
    detection = JsonlDataset(file, split='boxes', target='boxes', data_prefix='x')
    assert detection.record(0)['instances'] == [
        dict(bbox=[0.0, 0.0, 4.0, 4.0], bbox_label=1, ignore_flag=0),
        dict(bbox=[1.0, 1.0, 2.0, 3.0], bbox_label=0, ignore_flag=0),
    ]
    assert (detection.record(1)['img_path'], detection.record(1)['img_id'], detection.record(1)['instances']) == (
        'x/b.jpg',
        1,
        [],
    )
    assert detection.metainfo['classes'] == ['ant', 'dog']
    write_video(tmp_path / 'c.mp4', frames=30)  # ten a second; frame n has the grey value 8 n
    load = dict(type='LoadVideo', num_frames=2)
    clip = JsonlDataset(file, split='clips', data_prefix=str(tmp_path), test_mode=True, pipeline=[load])[0]
    assert [round(float(frame.mean()) / 8) for frame in clip['frames']] == [12, 17]


@pytest.mark.parametrize('name', sorted(path.stem for path in (config_folder() / 'own').glob('*.py')))
def test_every_recipe_reads_its_lines(name: str, mini_home: Path, tmp_path: Path) -> None:
    cfg = shrink(load_config(f'own/{name}'), mini_home / 'data/mini', tmp_path)
    for split in ('train', 'val', 'test'):
        dataset = DATASETS.build(cfg[f'{split}_dataloader'].dataset)
        assert isinstance(dataset, JsonlDataset)
        assert len(dataset) == 8
        assert set(dataset[0]) == {'inputs', 'data_samples'}


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        (dict(media='a.mp4', document='a'), 'document belongs to a task on texts'),
        (dict(media='a.jpg', start=1), 'start and end are seconds of a clip'),
        (dict(media='a.mp4', start=2, end=1), 'start and end are seconds of a clip'),
        (dict(context='a dog', question='what ?', answer='cat'), "the answer 'cat' is not in the context"),
        (dict(context='a dog', answer='dog'), 'a context needs a question'),
        (dict(media='a.jpg', boxes=[[0, 0, 1, 1]], labels=[]), 'a label for each box'),
        (dict(caption='a'), 'record 1: no media, and none of sentence1, document, context'),
        (dict(media='a.mp4', captoin='a'), 'unknown keys captoin'),
        (dict(media='a.xyz', caption='a'), 'does not show its kind'),
        (dict(media='a.mp4', caption=' '), 'captions has a text without a word'),
        (dict(media='a.mp4', caption='a', captions=['b']), 'give caption or captions'),
        (dict(media='a.jpg', phrase='a', box=[3, 0, 1, 2]), 'box is .x1, y1, x2, y2. in pixels'),
        (dict(media='a.jpg', box=[0, 0, 1, 2]), 'a box needs the phrase'),
    ],
)
def test_a_wrong_line_is_named(line: dict, words: str, tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=words):
        JsonlDataset(write(tmp_path / 'own.jsonl', line))


def test_a_check_finds_broken_media_duplicates_and_leaks(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    write_video(tmp_path / 'a.mp4', frames=6)
    write_image(tmp_path / 'b.png')
    good = [dict(media='a.mp4', caption='a grey clip'), dict(media='b.png', caption='grey', split='test')]
    assert main(['data', 'check', write(tmp_path / 'good.jsonl', *good)]) == 0
    printed = capsys.readouterr().out
    assert 'train: 1 lines, 1 video' in printed
    assert 'captions: 2 texts of 1 to 3 words' in printed
    (tmp_path / 'copy.png').write_bytes((tmp_path / 'b.png').read_bytes())
    (tmp_path / 'broken.mp4').write_bytes(b'no clip')
    bad = [*good, good[0], dict(media='copy.png', caption='grey'), dict(media='broken.mp4', caption='x')]
    bad.append(dict(media='none.png', caption='x', label='x'))
    bad.append(dict(media='b.png', phrase='x', box=[0, 0, 9000, 4], split='test', label='y'))
    bad.append(dict(media='a.mp4', caption='x', end=90))
    bad += [dict(document='one text', summary='text', split=split) for split in ('train', 'test')]
    assert main(['data', 'check', write(tmp_path / 'bad.jsonl', *bad)]) == 1
    printed = capsys.readouterr().out
    problems = ['broken.mp4', 'none.png', 'record 3 repeats record 1', 'several splits: test: b.png; train: copy.png']
    problems += [
        'the box [0.0, 0.0, 9000.0, 4.0] is not within',
        'end is after the 0.6 seconds',
        'label: no line of train has',
    ]
    for words in (*problems, 'several splits: train:', 'record 9; test:'):
        assert words in printed


def test_a_check_refuses_media_outside_of_their_folder(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / 'own').mkdir()
    write_image(tmp_path / 'a.png')
    file = write(tmp_path / 'own/own.jsonl', dict(media='../a.png', caption='grey'))
    assert main(['data', 'check', file]) == 1
    assert f'outside of {tmp_path / "own"}' in capsys.readouterr().out
    assert main(['data', 'check', file, '--follow-links']) == 0


def test_a_page_shows_samples_as_the_model_sees_them(
    mini_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(mini_home)
    page = tmp_path / 'page.html'
    assert main(['data', 'browse', 'mini/visual_grounding', '--split', 'test', '--count', '2', '--out', str(page)]) == 0
    assert capsys.readouterr().out.strip() == str(page)
    content = page.read_text()
    assert content.count('<section>') == content.count('<img') == 2
    assert 'locate in the image.' in content
    assert '<dd>1 x 3 x 40 x 40</dd>' in content
    assert main(['data', 'browse', 'mini/pretrain', '--split', 'test', '--out', str(page)]) == 1
