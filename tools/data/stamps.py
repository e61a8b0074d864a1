"""Writes the captioned stamps of Tux Paint as JPEGs and a file in the format of Karpathy's ``dataset_coco.json``.

    python tools/data/stamps.py /usr/share/tuxpaint/stamps data/stamps

A stamp is a cut-out photograph or drawing ``X.png`` with transparency; the first line of ``X.txt`` describes it in English.
Stamps without a text (mirrored forms of others) are left out. Stamps with the same caption, or with the same image, are in
one split, so the caption of a test image never occurs in training.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections import Counter
from pathlib import Path

from PIL import Image

from mplug2.datasets.splits import split_by_hash
from mplug2.utils.files import write_text

FOLDER = 'images'
SHARES = dict(val=8, test=12)  # percent; the rest is training data
LONG_SIDE = 256
PAPER = (255, 255, 255)  # background of the cut-outs
QUOTES = str.maketrans('\u201c\u201d\u2018\u2019', '""\'\'')


def read_caption(path: Path) -> str:
    """The first line of a stamp's text, with plain quotation marks and single blanks.

    Raises:
        ValueError: it is empty.
    """
    first = path.read_text(encoding='utf-8-sig').partition('\n')[0]
    caption = ' '.join(first.translate(QUOTES).split())
    if not caption:
        raise ValueError(f'{path}: the first line is empty, but it must be the caption')
    return caption


def caption_key(caption: str) -> str:
    """A key that ignores case and punctuation of a caption."""
    return ' '.join(re.findall(r'\w+', caption.lower()))


def split_of(key: str) -> str:
    """The split of all stamps with a caption key: 'train', 'val' or 'test', by a hash of the key."""
    return split_by_hash(key, SHARES)


def paste(stamp: Image.Image) -> Image.Image:
    """A cut-out on white, its long side at most `LONG_SIDE` pixels, in the middle of a square."""
    stamp = stamp.convert('RGBA')
    stamp.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    side = max(stamp.size)
    square = Image.new('RGB', (side, side), PAPER)
    square.paste(stamp, ((side - stamp.width) // 2, (side - stamp.height) // 2), stamp)
    return square


def convert(source: Path, out: Path) -> list[dict]:
    """Write ``images/*.jpg`` and ``annotations/dataset_coco.json``. Returns the image records.

    Raises:
        FileNotFoundError: the folder holds no stamp with a text.
    """
    stamps = [path for path in sorted(source.rglob('*.png')) if path.with_suffix('.txt').is_file()]
    if not stamps:
        raise FileNotFoundError(f'{source} holds no X.png with an X.txt beside it: give the folder stamps/ of Tux Paint')
    (out / FOLDER).mkdir(parents=True, exist_ok=True)
    records = []
    keys: dict[bytes, str] = {}  # image -> its first caption key
    for number, path in enumerate(stamps, 1):
        caption = read_caption(path.with_suffix('.txt'))
        with Image.open(path) as stamp:
            image = paste(stamp)
        name = '_'.join(path.relative_to(source).with_suffix('.jpg').parts)
        image.save(out / FOLDER / name, quality=95)
        key = keys.setdefault(hashlib.sha256(image.tobytes()).digest(), caption_key(caption))
        records.append(
            dict(
                cocoid=number,
                filepath=FOLDER,
                filename=name,
                split=split_of(key),
                sentences=[dict(raw=caption, tokens=caption_key(caption).split(), imgid=number - 1, sentid=number - 1)],
                imgid=number - 1,
                sentids=[number - 1],
            )
        )
    file = out / 'annotations' / 'dataset_coco.json'
    file.parent.mkdir(exist_ok=True)
    write_text(file, json.dumps(dict(images=records, dataset='stamps')))
    return records


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', type=Path, help='the folder stamps/')
    parser.add_argument('out', type=Path)
    args = parser.parse_args()
    records = convert(args.source, args.out)
    captions = {record['sentences'][0]['raw'] for record in records}
    print(f'{args.out}: {len(records)} images with {len(captions)} captions')
    for split, count in Counter(record['split'] for record in records).items():
        print(f'  {split:>5}: {count} images')


if __name__ == '__main__':
    main()
