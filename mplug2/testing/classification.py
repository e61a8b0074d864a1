"""Stand-ins of the image and video classification benchmarks; for `mplug2.testing.shrink`."""

from __future__ import annotations

import gzip
import json
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
from PIL import Image

from ..datasets.benchmarks.image.imagenet import images_by_class
from ..text.class_names import read_class_names, read_synsets
from ..utils.files import replace_file

COUNT = 24  # images of a split
SYNSETS = 'imagenet/LOC_synset_mapping.txt'
Photo = tuple[int, Path]  # label and file


def written(path: Path, content: bytes | str) -> str:
    """The name of a file with a content: other processes may write the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: file.write(content.encode() if isinstance(content, str) else content))
    return str(path)


def linked(path: Path, source: Path) -> None:
    """Link a path to a file, unless it is there: from an earlier run, or by another process."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):
        path.symlink_to(source.resolve())


def _photos(root: Path, part: str) -> list[Photo]:
    """Some images of a split of mini's ImageNet, all classes in turn."""
    folder = root / 'imagenet' / part
    synsets = list(read_synsets(root / SYNSETS))
    found = [(synsets.index(synset), folder / path) for synset, path in images_by_class(folder, synsets)]
    return found[:: max(1, len(found) // COUNT)][:COUNT]


def _part(cfg: dict) -> str:
    told = ' '.join(str(cfg.get(key, '')) for key in ('split', 'ann_file', 'data_prefix')).lower()
    return 'train' if 'train' in told else 'test'


def _squares(photos: list[Photo], side: int) -> np.ndarray:
    """(N, side, side, 3) uint8."""
    return np.stack([np.asarray(Image.open(path).convert('RGB').resize((side, side))) for _, path in photos])


def _imagenet(root: Path, cfg: dict) -> dict:
    found = dict(synsets=str(root / SYNSETS))
    if not cfg.get('solution'):
        part = next((part for part in ('train', 'val') if part in str(cfg['data_prefix'])), 'test')
        return found | dict(data_prefix=str(root / 'imagenet' / part))
    solution, folder = _validation(root)
    return found | dict(solution=solution, data_prefix=str(folder))


def _validation(root: Path) -> tuple[str, Path]:
    """Some validation images as ImageNet has them: the solution file and the flat folder."""
    rows, folder = ['ImageId,PredictionString'], root / 'tiny/imagenet_val'
    synsets = list(read_synsets(root / SYNSETS))
    for number, (label, path) in enumerate(_photos(root, 'val'), start=1):
        name = f'ILSVRC2012_val_{number:08d}'
        linked(folder / f'{name}.JPEG', path)
        rows.append(f'{name},{synsets[label]} 1 2 30 40')
    return written(root / 'tiny/LOC_val_solution.csv', '\n'.join(rows)), folder


def _variants(root: Path, cfg: dict) -> dict:
    """Each variant as it lies, in a folder of its own or flat; of those with class subsets, the even classes."""
    out, synsets, variants = root / 'tiny/variants', list(read_synsets(root / SYNSETS)), {}
    for name, variant in cfg['variants'].items():
        photos = list(enumerate(_photos(root, 'val'), start=1))
        if variant.get('classes'):
            photos = [(number, photo) for number, photo in photos if photo[0] % 2 == 0]
        for number, (label, path) in photos:
            folder = str(label) if variant.get('numbered') else synsets[label]
            linked(out / name / folder / f'ILSVRC2012_val_{number:08d}.JPEG', path)
        variants[name] = dict(variant, folder=name, num_classes=len({label for _, (label, _) in photos}))
        if variant.get('solution'):
            solution, flat = _validation(root)
            variants[name] |= dict(solution=solution, folder=os.path.relpath(flat, out))
        if variant.get('real'):
            real = [[label, (label + 1) % 10] if number % 4 else [] for number, (label, _) in photos]
            variants[name]['real'] = written(out / 'real.json', json.dumps(real))
    return dict(synsets=str(root / SYNSETS), variants=variants, data_prefix=str(out))


def _cifar(root: Path, cfg: dict, label_bytes: int) -> dict:
    folder, part = root / f'tiny/cifar{label_bytes}', cfg['split']
    photos = _photos(root, part)
    channels = _squares(photos, 32).transpose(0, 3, 1, 2).reshape(len(photos), -1)
    labels = np.uint8([[0] * (label_bytes - 1) + [label] for label, _ in photos])
    records = np.concatenate([labels, channels], 1)
    train = [f'data_batch_{number}.bin' for number in range(1, 6)] if label_bytes == 1 else ['train.bin']
    test = ['test_batch.bin'] if label_bytes == 1 else ['test.bin']
    names = train if part == 'train' else test
    for name, rows in zip(names, np.array_split(records, len(names)), strict=True):
        written(folder / name, rows.tobytes())
    return dict(data_prefix=str(folder))


def _fashion(root: Path, cfg: dict) -> dict:
    folder, part = root / 'tiny/fashion', cfg['split']
    photos = _photos(root, part)
    start = 'train' if part == 'train' else 't10k'
    grey = _squares(photos, 32)[..., 1]  # 32, as all is at the tiny size
    for name, array in (('images-idx3', grey), ('labels-idx1', np.uint8([label for label, _ in photos]))):
        head = struct.pack(f'>4B{array.ndim}I', 0, 0, 8, array.ndim, *array.shape)
        written(folder / f'{start}-{name}-ubyte.gz', gzip.compress(head + array.tobytes()))
    return dict(data_prefix=str(folder))


def _listed(root: Path, cfg: dict, name: str, ending: str, lead: str) -> dict:
    """Lists of images with class folders.

    Args:
        name: of the folder to write. ending: what the lists leave off. lead: what stands before each line.
    """
    part, out = _part(cfg), root / 'tiny' / name
    words = read_class_names(root / SYNSETS)
    for word in words:
        (out / 'images' / word).mkdir(parents=True, exist_ok=True)
    lines = []
    for number, (label, path) in enumerate(_photos(root, part)):
        line = f'{words[label]}/{part}_{number}'
        linked(out / 'images' / f'{line}.jpg', path)
        lines.append(f'{lead}{line}.jpg'.removesuffix(ending))
    found = dict(ann_file=written(out / f'{part}.txt', '\n'.join(lines)), data_prefix=str(out / 'images'))
    if 'classes' in cfg:
        found['classes'] = written(out / 'classes.txt', '\n'.join(lead + word for word in words))
    return found


def _cars(root: Path, cfg: dict) -> dict:
    from scipy.io import savemat

    part, out = _part(cfg), root / 'tiny/cars'
    rows = []
    for number, (label, path) in enumerate(_photos(root, part), start=1):
        linked(out / part / f'{number:05d}.jpg', path)
        rows.append((1, 1, 30, 30, label + 1, f'{number:05d}.jpg'))
    fields = [(key, object) for key in ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2', 'class', 'fname')]
    file = out / f'{part}_{os.getpid()}.mat'
    out.mkdir(parents=True, exist_ok=True)
    savemat(file, dict(annotations=np.array(rows, dtype=fields)))
    return dict(ann_file=str(file), data_prefix=str(out / part))


def _kinetics(root: Path, cfg: dict) -> dict:
    part = next((part for part in ('train', 'val') if part in str(cfg['ann_file'])), 'test')
    return dict(ann_file=str(root / f'kinetics/kinetics_{part}_list_videos.txt'), data_prefix=str(root / 'msvd/videos'))


STAND_INS: dict[str, Callable[[Path, dict], dict]] = {
    'CIFAR10': lambda root, cfg: _cifar(root, cfg, 1),
    'CIFAR100': lambda root, cfg: _cifar(root, cfg, 2),
    'DTD': lambda root, cfg: _listed(root, cfg, 'dtd', '', ''),
    'FashionMNIST': _fashion,
    'Food101': lambda root, cfg: _listed(root, cfg, 'food101', '.jpg', ''),
    'ImageNet': _imagenet,
    'ImageNetVariants': _variants,
    'Kinetics': _kinetics,
    'SUN397': lambda root, cfg: _listed(root, cfg, 'sun397', '', '/'),
    'StanfordCars': _cars,
}


def shrink_action_step(step: dict, pixels: int, frames: int) -> None:
    """Make a transform of mmaction2 tiny."""
    if step.get('clip_len', 1) > 1:
        step['clip_len'] = frames
    if 'crop_size' in step:
        step['crop_size'] = pixels
    if 'scale' in step and 'keep_ratio' in step:
        step['scale'] = (pixels, pixels)
    elif 'scale' in step and step['scale'][0] == -1:
        step['scale'] = (-1, pixels)
