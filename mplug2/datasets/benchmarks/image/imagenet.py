"""ImageNet-1K and the sets that test how robust its classifiers are."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ....registry import DATASETS
from ....text.class_names import read_class_folders, read_synsets
from ...base import MultiModalDataset
from ...io.annotations import check_type, read_columns, read_json
from ...io.bad_samples import AnnotationError
from ...io.files import is_media

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark

_NUMBER = re.compile(r'_(\d{8})\.\w+$')  # ILSVRC2012_val_00000293.JPEG


def images_by_class(root: str | Path, folders: list[str]) -> Iterator[tuple[str, str]]:
    """Class folder and path (both relative to `root`) of every image below class folders, in a fixed order.

    Missing folders, and hidden files and folders, are skipped.
    """
    for folder in folders:
        yield from ((folder, path) for path in _images_below(Path(root), folder))


def _images_below(root: Path, folder: str) -> Iterator[str]:
    class_folder = root / folder
    if not class_folder.is_dir():
        return
    for entry in sorted(os.scandir(class_folder), key=lambda entry: entry.name):
        if entry.name.startswith('.'):
            continue
        if entry.is_dir():
            yield from _images_below(root, f'{folder}/{entry.name}')
        elif is_media(Path(entry.name), 'image'):
            yield f'{folder}/{entry.name}'


def solved_images(solution: str | Path) -> Iterator[tuple[str, str]]:
    """Synset and file name of every validation image in ``LOC_val_solution.csv``.

    Raises:
        AnnotationError: a row has no ImageId or no PredictionString.
    """
    for number, (image, prediction) in enumerate(read_columns(solution, ['ImageId', 'PredictionString'])):
        if not prediction.strip():
            raise AnnotationError(f'{solution}: row {number}: PredictionString is blank; expected a synset and boxes')
        yield prediction.split()[0], f'{image}.JPEG'


@DATASETS.register_module()
class ImageNet(MultiModalDataset):
    """ImageNet-1K: one folder for each class (``data_prefix/n01440764/*.JPEG``), or the official flat validation folder.

    Your own data can have the same layout; the synset file then has the names of the class folders, one on each line.
    Fields: ``label``, the line (from 0) of its class in the synset file.

    Args:
        synsets: ``LOC_synset_mapping.txt`` of the official archive, or a list of class folders. solution:
            ``LOC_val_solution.csv``, if the validation images are in one folder as published; None if they are in class
            folders. kwargs: of `MultiModalDataset`.

    Raises:
        AnnotationError: a synset that is not in the synset file.
    """

    PUBLISHED = {'train': 1_281_167, 'val': 50_000}

    def __init__(self, synsets: str, solution: str | None = None, **kwargs: Any) -> None:
        self.ann_file = synsets
        self.solution = solution
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return f'{self.data_prefix}, by {self.solution or self.ann_file}'

    def load_records(self) -> list[dict]:
        labels = {folder: label for label, folder in enumerate(read_class_folders(self.ann_file))}
        if self.solution is None:
            images = images_by_class(self.data_prefix, list(labels))
        else:
            images = solved_images(self.solution)
        records = []
        for synset, path in images:
            if synset not in labels:
                raise AnnotationError(f'{self.solution}: {path} is of the synset {synset!r}, which is not in {self.ann_file}')
            records.append(dict(sample_id=Path(path).stem, media='image', path=path, label=labels[synset]))
        return records

    def published_splits(self) -> list[str]:
        return ['train' if self.solution is None else 'val']

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        if cfg.get('solution'):
            solution, folder = _flat_validation(mini)
            return dict(synsets=mini.synsets, solution=solution, data_prefix=folder)
        part = next((part for part in ('train', 'val') if part in str(cfg['data_prefix'])), 'test')
        return dict(synsets=mini.synsets, data_prefix=mini.path(f'imagenet/{part}'))


@DATASETS.register_module()
class ImageNetVariants(MultiModalDataset):
    """ImageNet-1K's validation images and its variants in one test, each under its name (Table 13).

    Fields: ``variant``; ``labels``, the right ones (ReaL has several for an image, the others one). Its meta information has
    ``candidates``: for a variant of some classes only (ImageNet-A and -R have 200 each), the candidate labels.

    Args:
        synsets: ``LOC_synset_mapping.txt``. variants: name -> ``dict(folder=...)``, relative to `data_prefix`, with class
            folders in it. ``numbered=True``: these are called by their label (ImageNet-V2), not by their synset.
            ``solution=FILE``: no class folders, but the flat official validation folder and ``LOC_val_solution.csv``.
            ``num_classes=n``: the variant is of so many classes only. ``real=FILE``: labels are those of ``real.json``, a list
            for each validation image by its number; images without any are left out.
        kwargs: of `MultiModalDataset`.

    Raises:
        AnnotationError: a variant has images of fewer or more classes than it should, or ``real.json`` does not know one.
    """

    def __init__(self, synsets: str, variants: dict[str, dict], **kwargs: Any) -> None:
        self.ann_file, self.variants = synsets, variants
        self.candidates: dict[str, list[int]] = {}
        super().__init__(**kwargs)
        self._metainfo['candidates'] = self.candidates

    def load_records(self) -> list[dict]:
        synsets = list(read_synsets(self.ann_file))
        return [record for name, variant in self.variants.items() for record in self._variant(name, synsets, **variant)]

    def _variant(
        self,
        name: str,
        synsets: list[str],
        folder: str,
        numbered: bool = False,
        solution: str | None = None,
        num_classes: int | None = None,
        real: str | None = None,
    ) -> Iterator[dict]:
        labels = {str(label) if numbered else synset: label for label, synset in enumerate(synsets)}
        class_root = f'{self.data_prefix}/{folder}'
        images = list(images_by_class(class_root, list(labels)) if solution is None else solved_images(solution))
        seen, expected = {key for key, _ in images}, len(synsets) if num_classes is None else num_classes
        if len(seen) != expected or not seen <= set(labels):  # a test on fewer classes would be easier
            raise AnnotationError(
                f'ImageNetVariants: {name} has images of {len(seen)} classes in {solution or class_root}; '
                f'expected {expected} of those in {self.ann_file}'
            )
        if expected < len(synsets):
            self.candidates[name] = sorted(labels[key] for key in seen)
        reassessed = None if real is None else _reassessed(real)
        for key, path in images:
            right = [labels[key]]
            if reassessed is not None:
                number = _NUMBER.search(path)
                if number is None or not 1 <= int(number[1]) <= len(reassessed):
                    raise AnnotationError(f'{real}: no labels of {path}; it has those of {len(reassessed)} numbered images')
                right = reassessed[int(number[1]) - 1]
            if right:
                sample_id = f'{name}/{Path(path).stem}'
                yield dict(sample_id=sample_id, media='image', path=f'{folder}/{path}', variant=name, labels=list(right))

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        """Each variant in its own layout, class folders or flat; variants of some classes have the even ones."""
        synsets, variants = mini.synset_ids, {}
        for name, variant in cfg['variants'].items():
            images = list(enumerate(mini.labelled_images('val'), start=1))
            if variant.get('classes'):
                images = [(number, image) for number, image in images if image[0] % 2 == 0]
            for number, (label, path) in images:
                folder = str(label) if variant.get('numbered') else synsets[label]
                mini.link(f'variants/{name}/{folder}/ILSVRC2012_val_{number:08d}.JPEG', path)
            variants[name] = dict(variant, folder=f'variants/{name}', num_classes=len({label for _, (label, _) in images}))
            if variant.get('solution'):
                solution, folder = _flat_validation(mini)
                variants[name] |= dict(solution=solution, folder=Path(folder).name)
            if variant.get('real'):
                labels = [[label, (label + 1) % 10] if number % 4 else [] for number, (label, _) in images]
                variants[name]['real'] = mini.write('variants/real.json', labels)
        return dict(synsets=mini.synsets, variants=variants, data_prefix=mini.path('tiny'))


def _reassessed(path: str) -> list[list[int]]:
    """The labels of each validation image in ``real.json``."""
    content = read_json(path)
    check_type(path, content, list)
    for number, labels in enumerate(content):
        check_type(f'{path}: record {number}', labels, list)
        for label in labels:
            check_type(f'{path}: record {number}', label, int)
    return content


def _flat_validation(mini: MiniBenchmark) -> tuple[str, str]:
    """Some of the mini benchmark's validation images in ImageNet's layout: the solution file and the flat folder."""
    rows, synsets = ['ImageId,PredictionString'], mini.synset_ids
    for number, (label, path) in enumerate(mini.labelled_images('val'), start=1):
        name = f'ILSVRC2012_val_{number:08d}'
        mini.link(f'imagenet_val/{name}.JPEG', path)
        rows.append(f'{name},{synsets[label]} 1 2 30 40')
    return mini.write('LOC_val_solution.csv', '\n'.join(rows)), mini.path('tiny/imagenet_val')
