"""Converts the three VOC photographs of labelme's examples, with polygons, to COCO's format.

    python tools/data/labelme_voc.py labelme-6.3.1.tar.gz --out data/labelme_voc

The archive is labelme's source distribution (``pip download --no-deps --no-binary labelme labelme==6.3.1``); its
photographs are VOC 2011's, under Flickr's terms. One of its annotations has the id 0, which COCO's tools treat as
"no match", so the ids are renumbered from 1.
"""

from __future__ import annotations

import argparse
import json
import tarfile
from pathlib import Path, PurePosixPath
from mplug2.utils.files import write_text

FOLDER = 'examples/instance_segmentation/data_dataset_coco/'


def convert(archive: Path, out: Path) -> tuple[int, int]:
    """Unpack images and annotations.

    Returns:
        numbers of images and of annotated objects.

    Raises:
        ValueError: the archive has no such data set, or an image that its annotations name is missing.
    """
    out.mkdir(parents=True, exist_ok=True)
    content, images = None, {}
    with tarfile.open(archive) as packed:
        for member in packed:
            name = member.name.partition(FOLDER)[2]
            if name == 'annotations.json':
                content = json.load(packed.extractfile(member))
            elif name.startswith('JPEGImages/') and member.isfile():
                images[name] = packed.extractfile(member).read()
    if content is None:
        raise ValueError(f'{archive} has no {FOLDER}annotations.json: it is not the source distribution of labelme 6.3.1')
    for image in content['images']:
        if image['file_name'] not in images:
            raise ValueError(f'{archive}: image {image["id"]} names {image["file_name"]}, which is not in {FOLDER}')
        name = PurePosixPath(image['file_name']).name
        (out / name).write_bytes(images[image['file_name']])
        image['file_name'] = name
    for number, annotation in enumerate(content['annotations']):
        annotation['id'] = number + 1
    used = {annotation['category_id'] for annotation in content['annotations']}
    content['categories'] = [category for category in content['categories'] if category['id'] in used]
    write_text(out / 'instances.json', json.dumps(content))
    return len(content['images']), len(content['annotations'])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('archive', type=Path)
    parser.add_argument('--out', type=Path, default=Path('data/labelme_voc'))
    args = parser.parse_args()
    images, objects = convert(args.archive, args.out)
    print(f'{images} photographs with {objects} objects in {args.out}')


if __name__ == '__main__':
    main()
