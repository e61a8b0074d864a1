"""The tools that prepare benchmarks."""

import json
import runpy
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mplug2.datasets import DTD, GLUE, MSVDCaption, VQAv2
from mplug2.datasets.io.video import read_video

TOOLS = Path(__file__).parents[2] / 'tools' / 'data'


def run(tool, monkeypatch, *words):
    monkeypatch.setattr('sys.argv', [tool, *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(TOOLS / tool), run_name='__main__')
    return ended.value.code


def test_check_counts_and_names_what_is_missing(mini_home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(mini_home)
    assert not run('check.py', monkeypatch, 'mini/image_qa')
    printed = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in printed] == ['train', 'val', 'test']
    assert all('VQAv2: ' in line and 'questions' in line and 'missing' not in line for line in printed)
    monkeypatch.chdir(tmp_path)
    (tmp_path / 'data/mini').mkdir(parents=True)
    (tmp_path / 'data/mini/vqa').symlink_to(mini_home / 'data/mini/vqa')
    assert run('check.py', monkeypatch, 'mini/image_qa', '--list', 'missing.txt') == 1
    assert 'are missing or empty, such as data/mini/coco/train2014/' in capsys.readouterr().out
    assert (tmp_path / 'missing.txt').read_text().startswith('data/mini/coco/')


@pytest.mark.slow
def test_check_reads_interleaved_sources_and_the_data_sets_of_mmdet(mini_home, monkeypatch, capsys):
    monkeypatch.chdir(mini_home)
    assert not run('check.py', monkeypatch, 'mini/pretrain')
    printed = [line.split()[0] for line in capsys.readouterr().out.splitlines()]
    assert printed[:2] == ['train/image', 'train/video']
    assert printed[-1] == 'val'
    assert not run('check.py', monkeypatch, 'mini/detection')
    printed = [line for line in capsys.readouterr().out.splitlines() if 'samples' in line]  # pycocotools prints too
    assert [line.split()[0] for line in printed] == ['train', 'val', 'test']
    assert all('CocoDetection: ' in line and ' files' in line for line in printed)


def test_check_compares_with_what_is_published(mini_home, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(mini_home)
    run('check.py', monkeypatch, 'mini/image_text_retrieval')
    run('check.py', monkeypatch, 'mini/visual_grounding')
    assert 'are published' not in capsys.readouterr().out

    tool = runpy.run_path(str(TOOLS / 'check.py'))
    names = [f'clip{number}' for number in range(100)]
    (tmp_path / 'descriptions.txt').write_text(''.join(f'{name} a man\n{name} a dog\n' for name in names))
    lists = tmp_path / 'val_list.txt'

    def complaint(listed, each):
        lists.write_text('\n'.join(listed))
        return tool['complaint'](MSVDCaption(ann_file=f'{tmp_path}/descriptions.txt', split_file=str(lists), each=each))

    assert complaint(names, 'sample') == complaint(names, 'caption') == ''
    assert complaint(names[:60], 'caption') == 'val_list: 60 samples, but 100 are published; are the files whole?'
    lists.rename(tmp_path / 'mine.txt')
    mine = MSVDCaption(ann_file=f'{tmp_path}/descriptions.txt', split_file=f'{tmp_path}/mine.txt')
    assert tool['complaint'](mine) == ''

    questions = [dict(image_id=1, question='what?', question_id=1)]
    files = [tmp_path / f'v2_OpenEnded_mscoco_{part}2014_questions.json' for part in ('train', 'val')]
    for file in files:
        file.write_text(json.dumps(dict(data_subtype='train2014', questions=questions)))
    assert ': 2 samples, but 658111 are published' in tool['complaint'](VQAv2(questions=[str(file) for file in files]))

    (tmp_path / 'images/banded').mkdir(parents=True)
    lists = [tmp_path / f'{part}1.txt' for part in ('train', 'val')]
    for file in lists:
        file.write_text('banded/banded_0002.jpg\n')
    textures = DTD(ann_file=lists, data_prefix=str(tmp_path / 'images'))
    assert tool['complaint'](textures) == 'train1, val1: 2 samples, but 3760 are published; are the files whole?'
    rows = 'index\tsentence1\tsentence2\tlabel\n' + '\n'.join(f'{row}\tone\ttwo\tentailment' for row in range(277))
    (tmp_path / 'dev.tsv').write_text(rows)
    assert tool['complaint'](GLUE(task='rte', ann_file=tmp_path / 'dev.tsv')) == ''
    (tmp_path / 'dev.tsv').write_text(rows.rpartition('\n')[0])
    assert tool['complaint'](GLUE(task='rte', ann_file=tmp_path / 'dev.tsv')).startswith('rte/dev: 276 samples, but 277')


def test_gifs_become_clips(tmp_path):
    convert = runpy.run_path(str(TOOLS / 'tgif.py'))['convert']
    levels = (20, 90, 160, 230)
    frames = [Image.fromarray(np.full((41, 60, 3), level, np.uint8)) for level in levels]
    frames[0].save(tmp_path / 'a.gif', save_all=True, append_images=frames[1:], duration=100)
    assert convert(tmp_path / 'a.gif', tmp_path) is None
    pixels = read_video(tmp_path / 'a.mp4', lambda length: list(range(length)), 'pyav')
    assert pixels.shape == (4, 40, 60, 3)
    assert np.abs(pixels.mean((1, 2, 3)) - levels).max() < 6
    (tmp_path / 'b.gif').write_bytes(b'GIF89a')
    assert 'b.gif: ' in convert(tmp_path / 'b.gif', tmp_path)
    assert sorted(path.name for path in tmp_path.glob('*b*')) == ['b.gif']


@pytest.mark.slow
def test_clips_of_gifs_have_each_frame_once(tmp_path, monkeypatch, capsys):
    frames = [Image.fromarray(np.full((33, 48, 3), 20 * number, np.uint8)) for number in range(12)]
    (tmp_path / 'gifs').mkdir()
    delays = [100] * 12, [40, 200, 30, 1000, 20, 20, 500, 100, 70, 30, 20, 900]  # ms
    for name, delay in zip(('even.gif', 'uneven.GIF'), delays, strict=True):
        frames[0].save(tmp_path / 'gifs' / name, 'GIF', save_all=True, append_images=frames[1:], duration=delay)
    (tmp_path / 'gifs/._even.gif').write_bytes(b'\0\5\x16\7')
    assert not run('tgif.py', monkeypatch, tmp_path / 'gifs', tmp_path / 'clips', '--workers', 1)
    assert '2 clips of 2 GIFs' in capsys.readouterr().out
    for name in ('even.mp4', 'uneven.mp4'):
        clip = read_video(tmp_path / 'clips' / name, lambda length: list(range(length)))
        assert clip.shape == (12, 32, 48, 3)
        assert [round(frame.mean() / 20) for frame in clip] == list(range(12))
