"""Annotation files as people's editors and file managers leave them."""

import json

from mplug2.datasets import ImageNet, TGIFFrameQA
from mplug2.datasets.io.annotations import read_columns, read_json, read_lines, read_records

MARK = '\ufeff'


def test_a_byte_order_mark_is_no_content(tmp_path):
    table, listed, records = tmp_path / 'a.csv', tmp_path / 'a.json', tmp_path / 'a.jsonl'
    table.write_text(f'{MARK}video_id,sentence\n1,a dog\n')
    listed.write_text(MARK + json.dumps([{'a': 1}]))
    records.write_text(f'{MARK}{{"a": 1}}\n')
    assert read_columns(table, ['video_id', 'sentence']) == [['1', 'a dog']]
    assert read_json(listed) == read_records(records) == [{'a': 1}]
    table.write_text(f'{MARK}a.mp4 3\n')
    assert read_lines(table) == ['a.mp4 3']


def test_a_quote_in_a_table_with_tabs_swallows_no_rows(tmp_path):
    table = tmp_path / 'test.csv'
    rows = ['g1\t"what is it ?\tcat\t0', 'g2\twhat ?\t"dog"\t0', *('g3\twho is it ?\tman\t0' for _ in range(6000))]
    table.write_text('\n'.join(['gif_name\tquestion\tanswer\ttype', *rows, '']))
    data = TGIFFrameQA(ann_file=str(table), split='test')
    assert len(data) == 6002
    assert [data.record(number)['question'] for number in (0, 1)] == ['"what is it ?', 'what ?']


def test_images_of_any_format_and_no_hidden_files_are_samples(tmp_path):
    for name in ('a.JPEG', 'b.webp', 'c.bmp', '._a.JPEG', '.ipynb_checkpoints/d.jpg', 'notes.txt'):
        file = tmp_path / 'images/n01440764' / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    (tmp_path / 'synsets.txt').write_text('n01440764 tench\n')
    data = ImageNet(synsets=str(tmp_path / 'synsets.txt'), data_prefix=str(tmp_path / 'images'))
    assert [data.record(number)['sample_id'] for number in range(len(data))] == ['a', 'b', 'c']
