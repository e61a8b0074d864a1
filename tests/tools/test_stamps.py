"""Stamps of Tux Paint become images and captions that the COCO reader takes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mplug2.datasets import CocoCaption

NAME = 'tools/data/stamps'


def draw(
    folder: Path, name: str, size: tuple[int, int], caption: str | None, colour: tuple[int, ...] = (255, 0, 0, 255)
) -> None:
    path = folder / f'{name}.png'
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new('RGBA', size, (0, 0, 255, 0))  # transparent, though blue
    image.paste(colour, (0, 0, size[0] // 2, size[1]))
    image.save(path)
    if caption is not None:
        path.with_suffix('.txt').write_text(caption + '\nfr.utf8=Autre chose.\n', encoding='utf-8')


def test_cut_outs_lie_on_white_squares(script, tmp_path: Path) -> None:
    draw(tmp_path / 'in', 'animals/cow', (600, 300), 'A  \u201cred\u201d cow.')
    draw(tmp_path / 'in', 'animals/cow_mirror', (600, 300), None)
    records = script(NAME).convert(tmp_path / 'in', tmp_path / 'out')
    assert [(record['filename'], record['sentences'][0]['raw']) for record in records] == [('animals_cow.jpg', 'A "red" cow.')]
    pixels = np.asarray(Image.open(tmp_path / 'out/images/animals_cow.jpg')).astype(int)
    assert pixels.shape == (256, 256, 3)
    assert (abs(pixels[128, 40] - [255, 0, 0]) < 8).all()
    assert (pixels[128, 240] > 247).all(), 'what was transparent is white'
    assert (pixels[10] > 247).all(), 'the square is filled up with white'


def test_small_stamps_keep_their_size_and_palettes_are_read(script) -> None:
    stamp = Image.new('P', (32, 20), 1)
    stamp.putpalette([0, 0, 0, 0, 200, 0])
    square = script(NAME).paste(stamp)
    assert square.size == (32, 32)
    assert square.getpixel((16, 16)) == (0, 200, 0)


def test_equal_captions_and_equal_images_share_a_split(script, tmp_path: Path) -> None:
    module = script(NAME)
    for number in range(60):
        colour = (number, 255 - number, 3 * number, 255)
        draw(tmp_path / 'in', f'a/{number}', (8, 8), f'Stamp {number}.', colour)
        draw(tmp_path / 'in', f'b/{number}', (8, 9), f'stamp {number}!', colour)
        draw(tmp_path / 'in', f'c/{number}', (8, 8), f'Another word for {number}.', colour)
    records = {record['filename']: record['split'] for record in module.convert(tmp_path / 'in', tmp_path / 'out')}
    assert set(records.values()) == {'train', 'val', 'test'}
    for number in range(60):
        assert len({records[f'{folder}_{number}.jpg'] for folder in 'abc'}) == 1


def test_shares_of_the_splits(script) -> None:
    splits = [script(NAME).split_of(f'a thing called {number}') for number in range(4000)]
    shares = {name: splits.count(name) / len(splits) for name in ('train', 'val', 'test')}
    assert shares == pytest.approx(dict(train=0.80, val=0.08, test=0.12), abs=0.015)


def test_the_coco_reader_takes_it(script, tmp_path: Path) -> None:
    for number in range(40):
        draw(tmp_path / 'in', str(number), (8, 8), f'Thing number {number}.', (number, 0, 0, 255))
    records = script(NAME).convert(tmp_path / 'in', tmp_path / 'out')
    file = tmp_path / 'out/annotations/dataset_coco.json'
    read = [
        CocoCaption(ann_file=str(file), split=split, data_prefix=str(tmp_path / 'out')) for split in ('train', 'val', 'test')
    ]
    assert sum(map(len, read)) == len(records) == len(json.loads(file.read_text())['images'])
    record = read[0].record(0)
    assert Path(record['path']).is_file()
    assert record['captions'][0].startswith('Thing number')


def test_folders_without_stamps_are_refused(script, tmp_path: Path) -> None:
    draw(tmp_path, 'cow', (8, 8), None)
    with pytest.raises(FileNotFoundError, match=r'no X\.png with an X\.txt'):
        script(NAME).convert(tmp_path, tmp_path / 'out')
    (tmp_path / 'cow.txt').write_text('\n')
    with pytest.raises(ValueError, match=r'cow\.txt: the first line is empty'):
        script(NAME).convert(tmp_path, tmp_path / 'out')
