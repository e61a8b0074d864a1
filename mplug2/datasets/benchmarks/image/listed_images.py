"""Image classification benchmarks with lists of files: DTD, Food-101, SUN397, Stanford Cars."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.annotations import Files, as_list, read_lines
from ...io.bad_samples import AnnotationError
from ...io.files import last_line

if TYPE_CHECKING:
    from ...stand_ins import MiniBenchmark


class ListedImages(MultiModalDataset):
    """Lists of images, one on each line. The image's folder is its class. Fields: ``label``.

    Args:
        ann_file: one list or several. kwargs: of `MultiModalDataset`.

    Raises:
        AnnotationError: an image of an unknown class.
    """

    LEAD = ''  # prefix of each line of the lists

    SUFFIX = ''  # file suffix that the lists leave out

    def __init__(self, ann_file: Files, **kwargs: Any) -> None:
        self.ann_file = as_list(ann_file)
        super().__init__(**kwargs)

    def classes(self) -> list[str]:
        """Folders of the classes, in the order of their labels."""
        raise NotImplementedError

    def load_records(self) -> list[dict]:
        classes = self.classes()
        labels = {name: label for label, name in enumerate(classes)}
        if len(labels) < len(classes):
            repeated = next(name for label, name in enumerate(classes) if labels[name] != label)
            raise AnnotationError(f'{type(self).__name__}: the class {repeated!r} is listed more than once')
        records = []
        for file in self.ann_file:
            for number, line in enumerate(read_lines(file), start=1):
                path = line.lstrip('/') + self.SUFFIX
                folder = path.rpartition('/')[0]
                if folder not in labels:
                    raise AnnotationError(f'{file}: entry {number}, {line!r}, is in none of the {len(labels)} class folders')
                records.append(dict(sample_id=path, media='image', path=path, label=labels[folder]))
        return records

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        """Lists of images with class folders, in the benchmark's own format."""
        part, folder, names = _part(cfg), cls.__name__, mini.class_names
        for name in names:
            (mini.written / folder / 'images' / name).mkdir(parents=True, exist_ok=True)
        lines = []
        for number, (label, path) in enumerate(mini.labelled_images(part)):
            line = f'{names[label]}/{part}_{number}'
            mini.link(f'{folder}/images/{line}.jpg', path)
            lines.append(f'{cls.LEAD}{line}.jpg'.removesuffix(cls.SUFFIX))
        files = dict(data_prefix=mini.path(f'tiny/{folder}/images'))
        files['ann_file'] = mini.write(f'{folder}/{part}.txt', '\n'.join(lines))
        if 'classes' in cfg:
            files['classes'] = mini.write(f'{folder}/classes.txt', '\n'.join(cls.LEAD + name for name in names))
        return files


@DATASETS.register_module()
class DTD(ListedImages):
    """Describable Textures, a split of ``labels/{train,val,test}1.txt``: 47 classes of 40 images each in each part.

    Training usually takes train1 and val1. ``data_prefix`` is the folder ``images``, whose folders are the classes.
    """

    PUBLISHED = {'train1': 1_880, 'val1': 1_880, 'test1': 1_880}

    def classes(self) -> list[str]:
        root = Path(self.data_prefix)
        if not root.is_dir():
            raise FileNotFoundError(f'no folder {root}: it must have the class folders of DTD')
        return sorted(path.name for path in root.iterdir() if path.is_dir() and not path.name.startswith('.'))


class _WithClassFile(ListedImages):
    def __init__(self, classes: str, ann_file: Files, **kwargs: Any) -> None:
        self.class_file = classes
        super().__init__(ann_file, **kwargs)

    def classes(self) -> list[str]:
        return [name.lstrip('/') for name in read_lines(self.class_file)]


@DATASETS.register_module()
class Food101(_WithClassFile):
    """Food-101 from ``meta/train.txt`` (75,750 images) or ``meta/test.txt`` (25,250).

    Args:
        classes: ``meta/classes.txt``. ann_file: the list. kwargs: of `MultiModalDataset`; data_prefix is the folder ``images``.
    """

    PUBLISHED = {'train': 75_750, 'test': 25_250}

    SUFFIX = '.jpg'


@DATASETS.register_module()
class SUN397(_WithClassFile):
    """SUN397 from one of its ten partitions (``Training_01.txt``, ``Testing_01.txt``: 50 images a class each).

    Args:
        classes: ``ClassName.txt``. ann_file: the list. kwargs: of `MultiModalDataset`; data_prefix is the folder ``SUN397``.
    """

    PUBLISHED = {'Training_01': 19_850, 'Testing_01': 19_850}
    LEAD = '/'


@DATASETS.register_module()
class StanfordCars(MultiModalDataset):
    """Stanford Cars from its Matlab files: 8,144 images to train on and 8,041 to test, 196 classes. Fields: ``label``.

    Args:
        ann_file: ``cars_train_annos.mat``, or ``cars_test_annos_withlabels.mat``. kwargs: of `MultiModalDataset`; data_prefix
            is the folder ``cars_train`` or ``cars_test``.

    Raises:
        AnnotationError: the file lacks ``annotations`` with ``class`` and ``fname`` (``cars_test_annos.mat`` has no classes).
    """

    PUBLISHED = {'cars_train_annos': 8_144, 'cars_test_annos_withlabels': 8_041}
    REQUIRES = {'scipy': 'scipy'}

    def __init__(self, ann_file: str, **kwargs: Any) -> None:
        self.ann_file = ann_file
        super().__init__(**kwargs)

    def load_records(self) -> list[dict]:
        from scipy.io import loadmat  # slow to import, and only used here

        if not Path(self.ann_file).is_file():
            raise FileNotFoundError(f'no annotation file {self.ann_file}')
        try:
            content = loadmat(self.ann_file, squeeze_me=True)
        except Exception as error:  # its reader raises errors of many kinds
            raise AnnotationError(f'{self.ann_file}: no Matlab file, or a damaged one ({last_line(error)})') from None
        rows = content.get('annotations')
        fields = () if rows is None else rows.dtype.names or ()
        if 'class' not in fields or 'fname' not in fields:
            raise AnnotationError(
                f"{self.ann_file}: expected 'annotations' with class and fname; its fields are {list(fields)}"
            )
        pairs = [(str(row['fname']), int(row['class'])) for row in rows.reshape(-1)]
        return [dict(sample_id=name, media='image', path=name, label=label - 1) for name, label in pairs]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        from scipy.io import savemat

        part, rows = _part(cfg), []
        for number, (label, path) in enumerate(mini.labelled_images(part), start=1):
            mini.link(f'cars/{part}/{number:05d}.jpg', path)
            rows.append((1, 1, 30, 30, label + 1, f'{number:05d}.jpg'))
        fields = [(key, object) for key in ('bbox_x1', 'bbox_y1', 'bbox_x2', 'bbox_y2', 'class', 'fname')]
        content = BytesIO()
        savemat(content, dict(annotations=np.array(rows, dtype=fields)))
        return dict(ann_file=mini.write(f'cars/{part}.mat', content.getvalue()), data_prefix=mini.path(f'tiny/cars/{part}'))


def _part(cfg: dict) -> str:
    """The mini benchmark's split that replaces a split in tests."""
    names = ' '.join(str(cfg.get(key, '')) for key in ('ann_file', 'data_prefix')).lower()
    return 'train' if 'train' in names else 'test'
