"""Writes image-text and video-text data as shards: tar files in webdataset's layout, which `ShardedPairs` reads.

    python tools/data/shards_pairs.py coco dataset_coco.json data/coco shards/coco
    python tools/data/shards_pairs.py visual_genome region_descriptions.json data/vg shards/vg
    python tools/data/shards_pairs.py cc3m Train_GCC-training.tsv - shards/cc3m --short-side 256
    python tools/data/shards_pairs.py cc12m cc12m.tsv - shards/cc12m --short-side 256
    python tools/data/shards_pairs.py sbu SBU_captioned_photo_dataset_urls.txt - shards/sbu
    python tools/data/shards_pairs.py webvid results_2M_train.csv data/webvid/videos shards/webvid

The third argument is the folder of the media; ``-`` fetches them from the URLs that the list gives. Goes on where it
stopped. Media that cannot be fetched are left out and counted by reason, in the ``*_stats.json`` beside each shard. Shards that
img2dataset or video2dataset wrote are read as they are.
"""

from __future__ import annotations

import argparse
import csv
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from mplug2.datasets.benchmarks.image_text.coco import SPLITS
from mplug2.datasets.io.bad_samples import AnnotationError
from mplug2.datasets.io.annotations import KEY, raw_captions, read_json, rows, section
from mplug2.datasets.shards.writing import Item, describe, write_shards


def _in_folder(folder: str | None, name: str, url: str) -> str:
    return url if folder is None else str(Path(folder) / name)


def coco(path: Path, folder: str | None) -> Iterator[Item]:
    """Karpathy's ``dataset_coco.json``: training images (with restval), each with all of its captions."""
    fields = dict(cocoid=KEY, filepath=str, filename=str, split=str, sentences=list)
    for cocoid, subfolder, name, split, sentences in rows(path, section(path, read_json(path), 'images'), fields, 'images'):
        if split in SPLITS['train']:
            url = f'http://images.cocodataset.org/{subfolder}/{name}'
            captions = raw_captions(path, cocoid, sentences)
            yield Item(_in_folder(folder, f'{subfolder}/{name}', url), captions, dict(id=cocoid))


def visual_genome(path: Path, folder: str | None) -> Iterator[Item]:
    """``region_descriptions.json`` with ``image_data.json`` beside it: images, each with the phrases of its regions.

    Images are in ``VG_100K`` and ``VG_100K_2``, as in the URLs.
    """
    data = path.with_name('image_data.json')
    urls = {image: url for image, url in rows(data, read_json(data), dict(image_id=KEY, url=str))}
    for image, regions in rows(path, read_json(path), dict(id=KEY, regions=list)):
        if image not in urls:
            raise AnnotationError(f'{path} describes image {image}, which {data} does not list')
        phrases = dict.fromkeys(phrase.strip() for (phrase,) in rows(path, regions, dict(phrase=str), f'image {image}: region'))
        name = '/'.join(urls[image].rsplit('/', 2)[-2:])
        yield Item(_in_folder(folder, name, urls[image]), list(phrases), dict(id=image))


def _table(path: Path, folder: str | None, columns: tuple[str, str]) -> Iterator[Item]:
    """Lines of two columns, 'caption' and 'url' in the order of `columns`; other lines are items without a source, and counted.

    Raises:
        AnnotationError: the first line has other columns, so it is another kind of list.
    """
    with open(path, encoding='utf-8-sig', newline='\n') as file:  # a carriage return may be part of a caption
        for number, line in enumerate(file, 1):
            row = line.rstrip('\r\n').split('\t')
            if len(row) == len(columns):
                values = dict(zip(columns, row, strict=True))
                source = _in_folder(folder, f'{number}.jpg', values['url'])
                yield Item(source, [values['caption']], dict(id=number, url=values['url']))
            elif number == 1:
                raise AnnotationError(f'{path}: line 1 has {len(row)} columns, not {len(columns)} separated by tabs')
            else:
                yield Item('', [], dict(id=number))


def cc3m(path: Path, folder: str | None) -> Iterator[Item]:
    """Conceptual Captions 3M: lines of ``caption<TAB>url``. Images of a folder are named by their line from 1, '1.jpg'."""
    return _table(path, folder, ('caption', 'url'))


def cc12m(path: Path, folder: str | None) -> Iterator[Item]:
    """Conceptual Captions 12M: lines of ``url<TAB>caption``. Images of a folder are named as for CC3M."""
    return _table(path, folder, ('url', 'caption'))


def sbu(path: Path, folder: str | None) -> Iterator[Item]:
    """SBU Captions: a file of URLs, and beside it one of captions, line by line. Images of a folder: as for CC3M.

    Raises:
        AnnotationError: the two differ in length.
    """
    captions = path.with_name(path.name.replace('_urls', '_captions'))
    with open(path, encoding='utf-8-sig', newline='\n') as urls, open(captions, encoding='utf-8-sig', newline='\n') as texts:
        number = 0
        for number, url in enumerate(urls, 1):
            caption = texts.readline()
            if not caption:
                raise AnnotationError(f'{captions} ends before line {number}, but {path} goes on')
            yield Item(_in_folder(folder, f'{number}.jpg', url.strip()), [caption.strip()], dict(id=number, url=url.strip()))
        if texts.readline():
            raise AnnotationError(f'{captions} goes on after line {number}, where {path} ends')


def webvid(path: Path, folder: str | None) -> Iterator[Item]:
    """WebVid's csv (videoid, contentUrl, duration, page_dir, name). Clips are ``page_dir/videoid.mp4``."""
    with open(path, encoding='utf-8-sig', newline='') as file:
        columns = ('videoid', 'contentUrl', 'page_dir', 'name')
        table = csv.DictReader(file)
        absent = [column for column in columns if column not in (table.fieldnames or ())]
        if absent:
            raise AnnotationError(f'{path}: no column {absent[0]!r}; its columns are {", ".join(table.fieldnames or ())}')
        for video, url, page_dir, caption in ([row[column] for column in columns] for row in table):
            if caption is None:  # a truncated row
                yield Item('', [], dict(id=video))
            else:
                yield Item(_in_folder(folder, f'{page_dir}/{video}.mp4', url), [caption], dict(id=video, url=url))


class Source(NamedTuple):
    """read: the list, and the folder of the media or None -> items. media: 'image' or 'video'. per_shard: usual items."""

    read: Callable[[Path, str | None], Iterator[Item]]
    media: str = 'image'
    per_shard: int = 10_000


SOURCES = {
    'coco': Source(coco),
    'visual_genome': Source(visual_genome),
    'cc3m': Source(cc3m),
    'cc12m': Source(cc12m),
    'sbu': Source(sbu),
    'webvid': Source(webvid, 'video', 1_000),
}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('source', choices=SOURCES)
    parser.add_argument('list', type=Path, help="the data set's annotation file")
    parser.add_argument('media', help='folder of its images or clips; - fetches them')
    parser.add_argument('out', type=Path)
    parser.add_argument('--per-shard', type=int, metavar='N', help='items a shard (10,000; 1,000 for clips)')
    parser.add_argument('--short-side', type=int, metavar='PIXELS', help='shrink images whose shorter side is longer')
    parser.add_argument('--workers', type=int, default=16, help='threads that fetch (default 16)')
    parser.add_argument('--timeout', type=float, default=20, help='seconds that a fetch may take (default 20)')
    parser.add_argument(
        '--max-unreachable',
        type=float,
        default=0.5,
        metavar='SHARE',
        help="stop if servers, the network or the folder fail to give more of a shard's items (default 0.5)",
    )
    parser.add_argument('--max-mib', type=int, default=1024, metavar='N', help='of a file; larger ones are left out (1024)')
    parser.add_argument('--allow-private', action='store_true', help='follow redirects to private addresses')
    args = parser.parse_args(arguments)
    source = SOURCES[args.source]
    if source.media == 'video' and args.short_side is not None:
        parser.error('--short-side is for images: clips are kept as they are')
    items = source.read(args.list, None if args.media == '-' else args.media)
    total = write_shards(
        items,
        args.out,
        source.media,
        args.per_shard or source.per_shard,
        args.workers,
        args.short_side,
        args.timeout,
        args.max_unreachable,
        max_bytes=args.max_mib * 2**20,
        allow_private=args.allow_private,
        source=f'{args.source}: {args.list.name}, {args.list.stat().st_size} bytes',
    )
    print(describe(str(args.out), total))


if __name__ == '__main__':
    main()
