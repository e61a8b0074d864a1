"""Writes ``refs.json`` beside each official ``refs(unc).p`` or ``refs(umd).p`` of RefCOCO, RefCOCO+ and RefCOCOg.

    python tools/data/refcoco.py data/refcoco/refcoco data/refcoco/refcoco+ data/refcoco/refcocog

A folder has ``instances.json`` and the pickle, as in the archives of the REFER project. Pickles can run code when they are
read; this reader accepts only plain data, and stops at anything else.
"""

from __future__ import annotations

import argparse
import json
import pickle
from collections import Counter
from pathlib import Path
from typing import Any
from mplug2.utils.files import write_text

PICKLES = ('refs(unc).p', 'refs(umd).p')
KEYS = ('ref_id', 'ann_id', 'image_id', 'category_id', 'file_name', 'split', 'sentences', 'sent_ids')


class PlainUnpickler(pickle.Unpickler):
    """Reads dicts, lists, strings and numbers; loads no class or function."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f'the pickle asks for {module}.{name}, but a file of references holds plain data only')


def read_refs(path: Path) -> list[dict]:
    """The references of an official pickle, which Python 2 wrote.

    Raises:
        ValueError: it has other than plain data, or records without the official keys.
    """
    with open(path, 'rb') as file:
        try:
            refs = PlainUnpickler(file, encoding='utf-8').load()
        except (pickle.UnpicklingError, EOFError, UnicodeDecodeError) as error:
            raise ValueError(f'{path}: {error}') from None
    if not isinstance(refs, list):
        raise ValueError(f'{path}: expected a list of references, found a {type(refs).__name__}')
    for number, ref in enumerate(refs):
        missing = [key for key in KEYS if key not in ref]
        if missing:
            raise ValueError(f'{path}: reference {number} has no {" and no ".join(map(repr, missing))}')
    return refs


def check(refs: list[dict], instances: dict, name: str) -> None:
    """Check that every reference has an image, a box and at least one expression.

    Raises:
        ValueError: names the first reference that lacks one of them.
    """
    images = {image['id'] for image in instances['images']}
    boxes = {annotation['id']: annotation['image_id'] for annotation in instances['annotations']}
    for ref in refs:
        if ref['image_id'] not in images:
            raise ValueError(f'{name}: ref_id {ref["ref_id"]} is in image {ref["image_id"]}, which instances.json lacks')
        if boxes.get(ref['ann_id']) != ref['image_id']:
            raise ValueError(f'{name}: ref_id {ref["ref_id"]}: instances.json has no box {ref["ann_id"]} in its image')
        if not ref['sentences']:
            raise ValueError(f'{name}: ref_id {ref["ref_id"]} has no expression')


def convert(folder: Path) -> Path:
    """Write ``refs.json`` and print its counts. Returns its path."""
    pickles = [folder / name for name in PICKLES if (folder / name).is_file()]
    if len(pickles) != 1:
        raise FileNotFoundError(f'{folder}: expected one of {" and ".join(PICKLES)}, found {len(pickles)}')
    refs = read_refs(pickles[0])
    check(refs, json.loads((folder / 'instances.json').read_text(encoding='utf-8-sig')), str(pickles[0]))
    out = folder / 'refs.json'
    write_text(out, json.dumps(refs))
    splits = Counter(ref['split'] for ref in refs)
    expressions = Counter()
    for ref in refs:
        expressions[ref['split']] += len(ref['sentences'])
    print(f'{out}: {len(refs)} references')
    for split in splits:
        images = len({ref['image_id'] for ref in refs if ref['split'] == split})
        print(f'  {split:>6}: {images} images, {splits[split]} references, {expressions[split]} expressions')
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('folders', nargs='+', type=Path)
    for folder in parser.parse_args().folders:
        convert(folder)


if __name__ == '__main__':
    main()
