"""Small images stored as arrays in one file: CIFAR and Fashion-MNIST."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from ....registry import DATASETS
from ...base import MultiModalDataset
from ...io.bad_samples import AnnotationError

if TYPE_CHECKING:
    from ...shapes import SampleShape
    from ...stand_ins import MiniBenchmark

SPLITS = ('train', 'test')


class PixelDataset(MultiModalDataset):
    """Images in memory; a record has ``frames`` (1, H, W, 3), so its pipeline loads nothing.

    Fields: ``label``.

    Args:
        split: 'train' or 'test'. data_prefix: folder of the files. kwargs: of `MultiModalDataset`.

    Raises:
        AnnotationError: a file differs from the published format.
    """

    def __init__(self, split: str, data_prefix: str = '', **kwargs: Any) -> None:
        if split not in SPLITS:
            raise ValueError(f"{type(self).__name__}: split is 'train' or 'test', not {split!r}")
        self.split, self.folder = split, Path(data_prefix)
        super().__init__(**kwargs)

    @property
    def source(self) -> str:
        return str(self.folder)

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        """Images (N, H, W) or (N, H, W, 3) uint8, and labels (N,)."""
        raise NotImplementedError

    def load_records(self) -> list[dict]:
        self.pixels, labels = self.read()
        return [dict(sample_id=row, media='image', row=row, label=label) for row, label in enumerate(labels.tolist())]

    def record(self, index: int) -> dict:
        record = super().record(index)
        image = self.pixels[record.pop('row')]
        record['frames'] = np.repeat(image[None, ..., None], 3, -1) if image.ndim == 2 else image[None].copy()
        return record

    @classmethod
    def describe_shape(cls, cfg: dict, shape: SampleShape) -> SampleShape:
        return shape._replace(media='image')


def read_idx(path: str | Path) -> np.ndarray:
    """An array of bytes in MNIST's format, compressed with gzip.

    Raises:
        FileNotFoundError: no such file. AnnotationError: another format, or truncated.
    """
    if not Path(path).is_file():
        raise FileNotFoundError(f'no file {path}')
    try:
        with gzip.open(path) as file:
            content = file.read()
    except (OSError, EOFError) as error:
        raise AnnotationError(f'{path}: not gzip, or cut off ({error})') from None
    if len(content) < 4 or content[:3] != b'\0\0\x08':
        raise AnnotationError(f'{path}: expected an idx file of bytes, which starts with 0 0 8, not {list(content[:3])}')
    sizes = struct.unpack_from(f'>{content[3]}I', content, 4)
    start = 4 + 4 * content[3]
    if len(content) - start != int(np.prod(sizes)):
        raise AnnotationError(f'{path}: {len(content) - start} bytes for an array of {" x ".join(map(str, sizes))}')
    return np.frombuffer(content, np.uint8, offset=start).reshape(sizes)


@DATASETS.register_module()
class FashionMNIST(PixelDataset):
    """Fashion-MNIST: 60,000 and 10,000 grey images of 28 pixels, 10 kinds of clothes, in MNIST's files."""

    PUBLISHED = {'train': 60_000, 'test': 10_000}

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        start = {'train': 'train', 'test': 't10k'}[self.split]
        images = read_idx(self.folder / f'{start}-images-idx3-ubyte.gz')
        labels = read_idx(self.folder / f'{start}-labels-idx1-ubyte.gz')
        if len(images) != len(labels):
            raise AnnotationError(f'{self.folder}: {len(images)} images, but {len(labels)} labels of {start}')
        return images, labels

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        start = {'train': 'train', 'test': 't10k'}[cfg['split']]
        images = mini.labelled_images(cfg['split'])
        grey = _squares(images, 32)[..., 1]
        for name, array in (('images-idx3', grey), ('labels-idx1', np.uint8([label for label, _ in images]))):
            head = struct.pack(f'>4B{array.ndim}I', 0, 0, 8, array.ndim, *array.shape)
            mini.write(f'fashion/{start}-{name}-ubyte.gz', gzip.compress(head + array.tobytes()))
        return dict(data_prefix=mini.path('tiny/fashion'))


class _Cifar(PixelDataset):
    """CIFAR's binary version: a record of label bytes, then 32 x 32 pixels, channel by channel."""

    PUBLISHED = {'train': 50_000, 'test': 10_000}

    FILES: dict[str, tuple[str, ...]]
    LABEL_BYTES: int  # the last one is the label

    def read(self) -> tuple[np.ndarray, np.ndarray]:
        parts, size = [], self.LABEL_BYTES + 3 * 32 * 32
        for name in self.FILES[self.split]:
            path = self.folder / name
            if not path.is_file():
                raise FileNotFoundError(f'no file {path}: {type(self).__name__} reads the binary version, not the pickled one')
            content = np.fromfile(path, np.uint8)
            if not len(content) or len(content) % size:
                raise AnnotationError(f'{path}: {len(content)} bytes are not records of {size}')
            parts.append(content.reshape(-1, size))
        records = np.concatenate(parts)
        images = records[:, self.LABEL_BYTES :].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
        return np.ascontiguousarray(images), records[:, self.LABEL_BYTES - 1]

    @classmethod
    def stand_in(cls, mini: MiniBenchmark, cfg: dict) -> dict:
        images, names = mini.labelled_images(cfg['split']), cls.FILES[cfg['split']]
        channels = _squares(images, 32).transpose(0, 3, 1, 2).reshape(len(images), -1)
        labels = np.uint8([[0] * (cls.LABEL_BYTES - 1) + [label] for label, _ in images])
        for name, rows in zip(names, np.array_split(np.concatenate([labels, channels], 1), len(names)), strict=True):
            mini.write(f'{cls.__name__}/{name}', rows.tobytes())
        return dict(data_prefix=mini.path(f'tiny/{cls.__name__}'))


@DATASETS.register_module()
class CIFAR10(_Cifar):
    """CIFAR-10, from ``cifar-10-binary.tar.gz``: 50,000 and 10,000 images of 32 pixels, 10 classes."""

    FILES = {'train': tuple(f'data_batch_{number}.bin' for number in range(1, 6)), 'test': ('test_batch.bin',)}
    LABEL_BYTES = 1


@DATASETS.register_module()
class CIFAR100(_Cifar):
    """CIFAR-100, from ``cifar-100-binary.tar.gz``: 50,000 and 10,000 images of 32 pixels, 100 (fine) classes."""

    FILES = {'train': ('train.bin',), 'test': ('test.bin',)}
    LABEL_BYTES = 2  # coarse, fine


def _squares(images: list[tuple[int, Path]], side: int) -> np.ndarray:
    """Images of labelled files: (N, side, side, 3) uint8."""
    return np.stack([np.asarray(Image.open(path).convert('RGB').resize((side, side))) for _, path in images])
