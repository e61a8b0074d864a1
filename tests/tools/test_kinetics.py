"""Lists of Kinetics, the mixture, and the head of its second stage."""

import json

import pytest
import torch


def write_set(folder, rows):
    """A set's CSV files and its clips; rows: (part, label, YouTube id, there)."""
    for part in ('train', 'validate'):
        lines = ['label,youtube_id,time_start,time_end,split']
        for kind, label, key, there in rows:
            if kind == part:
                lines.append(f'{label},{key},5,15,{part}')
                clip = folder / f'videos/{label}/{key}_000005_000015.mp4'
                clip.parent.mkdir(parents=True, exist_ok=True)
                if there:
                    clip.write_bytes(b'x')
        (folder / f'{part}.csv').write_text('\n'.join(lines) + '\n')


def test_lists_and_mixture(tmp_path, script):
    kinetics = script('tools/data/kinetics')
    ids = [f'{letter}_bcdefghij' for letter in 'ABCDEFG']
    write_set(
        tmp_path / 'kinetics400',
        [
            ('train', 'hugging', ids[0], True),
            ('train', 'archery', ids[1], True),
            ('train', 'archery', ids[2], False),
            ('validate', 'archery', ids[3], True),
        ],
    )
    write_set(
        tmp_path / 'kinetics600',
        [
            ('train', 'hugging (not baby)', ids[0], True),  # again
            ('train', 'hugging (not baby)', ids[3], True),  # validates 400
            ('train', 'zumba', ids[4], True),
            ('train', 'zumba', ids[6], True),  # tests 700
            ('validate', 'zumba', ids[5], True),
        ],
    )
    counts = {}
    for name in ('kinetics400', 'kinetics600'):
        folder = tmp_path / name
        counts[name] = kinetics.write_lists(folder, {'train': folder / 'train.csv', 'val': folder / 'validate.csv'})
    assert counts['kinetics400'] == {'train': (2, 1), 'val': (1, 0)}
    assert (tmp_path / 'kinetics400/train_list_videos.txt').read_text().splitlines() == [
        f'hugging/{ids[0]}_000005_000015.mp4 1',
        f'archery/{ids[1]}_000005_000015.mp4 0',
    ]
    out = tmp_path / 'kinetics710'
    counts = kinetics.mix(tmp_path, out, held_out=[ids[6]], sets=['kinetics400', 'kinetics600'])
    assert counts == dict(classes=3, held_out=2, repeated=1, train=3, val=2)
    assert (out / 'label_map.txt').read_text().splitlines() == ['archery', 'hugging (not baby)', 'zumba']
    assert json.loads((out / 'map_kinetics400.json').read_text()) == [0, 1]
    assert json.loads((out / 'map_kinetics600.json').read_text()) == [1, 2]
    assert (out / 'train_list_videos.txt').read_text().splitlines() == [
        f'kinetics400/videos/hugging/{ids[0]}_000005_000015.mp4 1',
        f'kinetics400/videos/archery/{ids[1]}_000005_000015.mp4 0',
        f'kinetics600/videos/zumba/{ids[4]}_000005_000015.mp4 2',
    ]


def test_the_command_fails_where_something_is_amiss(tmp_path, script, monkeypatch, capsys):
    kinetics = script('tools/data/kinetics')
    for name in kinetics.SETS:
        write_set(tmp_path / name, [('train', 'archery', 'A_bcdefghij', True), ('validate', 'archery', 'B_bcdefghij', False)])

    def run(*words):
        monkeypatch.setattr('sys.argv', ['kinetics.py', *map(str, words)])
        kinetics.main()

    for name in kinetics.SETS:
        with pytest.raises(SystemExit, match=r'videos has no clip of .*validate\.csv'):
            run('lists', tmp_path / name)
    with pytest.raises(SystemExit, match='1 classes, not 710'):
        run('mix', tmp_path / 'mixture', '--root', tmp_path)
    assert 'clips of the tests were not left out' in capsys.readouterr().out


def test_rows_of_the_head(script):
    head = script('tools/weights/kinetics_head')
    state = {
        'network.x': torch.zeros(1),
        'tasks.classification.head.weight': torch.arange(8.0).view(4, 2),
        'tasks.classification.head.bias': torch.arange(4.0),
    }
    picked = head.pick_rows(state, [3, 1])
    assert picked['tasks.classification.head.weight'].tolist() == [[6, 7], [2, 3]]
    assert picked['tasks.classification.head.bias'].tolist() == [3, 1]
    assert picked['network.x'] is state['network.x']
    with pytest.raises(ValueError, match='label 4, but the head has 4 classes'):
        head.pick_rows(state, [4])
    with pytest.raises(ValueError, match='not one of image or video classification'):
        head.pick_rows({}, [0])


def test_chance_is_the_commonest_class(script, mini_home, monkeypatch):
    from mplug2.config.load import load_config

    monkeypatch.chdir(mini_home)
    row = script('experiments/mini_rows').ROWS['image_classification']
    found = script('experiments/mini_chance').chance(load_config(row.config), row.chance, row.metrics)
    assert found == {'top1': 10.0}  # ten classes in turn


def test_rows_without_times_are_missing_clips(tmp_path, script):
    (tmp_path / 'videos').mkdir()
    (tmp_path / 'videos/abcdefghijk_000012_000022.mp4').write_bytes(b'x')
    rows = ['label,youtube_id,time_start,time_end', 'a,#NAME?,,', 'a,abcdefghijk,12,22', 'a,abcdefghijk,inf,nan']
    (tmp_path / 'train.csv').write_text('\n'.join(rows))
    assert script('tools/data/kinetics').write_lists(tmp_path, {'train': tmp_path / 'train.csv'}) == {'train': (1, 2)}


def test_clips_of_any_container_are_listed(tmp_path, script):
    kinetics = script('tools/data/kinetics')
    for name in ('a/1.mp4', 'a/2.mkv', 'b/3.webm', 'b/4.MP4', 'b/._4.MP4', '.ipynb_checkpoints/5.mp4', 'b/6.txt'):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b'x')
    assert kinetics.find_clips(tmp_path) == {'1': 'a/1.mp4', '2': 'a/2.mkv', '3': 'b/3.webm', '4': 'b/4.MP4'}
