"""Data of one's own: the schema, what is wrong with a line, and the check of a file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplug2.cli import main
from mplug2.datasets import AnnotationError, JsonlDataset
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


@pytest.mark.parametrize(
    ('line', 'words'),
    [
        (dict(caption='a'), 'record 1: no media'),
        (dict(media='a.mp4', captoin='a'), 'unknown keys captoin'),
        (dict(media='a.xyz', caption='a'), 'does not tell an image from a clip'),
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
    bad.append(dict(media='none.png', caption='x'))
    assert main(['data', 'check', write(tmp_path / 'bad.jsonl', *bad)]) == 1
    printed = capsys.readouterr().out
    for words in ('broken.mp4', 'none.png', 'record 3 repeats record 1', 'several splits: test: b.png; train: copy.png'):
        assert words in printed
