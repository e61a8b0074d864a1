"""Classification benchmarks on files written by hand in each one's format."""

from __future__ import annotations

import gzip
import json
import struct

import numpy as np
import pytest

from mplug2.datasets import (
    CIFAR10,
    CIFAR100,
    DTD,
    SUN397,
    AnnotationError,
    FashionMNIST,
    Food101,
    ImageNet,
    ImageNetVariants,
    Kinetics,
    StanfordCars,
)
from mplug2.text.class_names import read_class_names

from .media import write_image

SYNSETS = 'n01440764 tench, Tinca tinca\nn01443537 goldfish\nn01484850 great white shark, white shark\n'


def records(data) -> list[dict]:
    return [data.record(index) for index in range(len(data))]


def put(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return str(path)


def test_imagenet(tmp_path):
    synsets = put(tmp_path / 'LOC_synset_mapping.txt', SYNSETS)
    for name in ('n01443537/n01443537_2.JPEG', 'n01443537/n01443537_1.JPEG', 'n01484850/a.jpeg', 'n01443537/notes.txt'):
        write_image(tmp_path / 'train' / name) if name[-1] != 't' else put(tmp_path / 'train' / name, '')
    found = records(ImageNet(synsets, data_prefix=tmp_path / 'train'))
    assert [(record['sample_id'], record['label']) for record in found] == [('n01443537_1', 1), ('n01443537_2', 1), ('a', 2)]
    assert found[0]['path'] == f'{tmp_path}/train/n01443537/n01443537_1.JPEG'
    solution = put(tmp_path / 'LOC_val_solution.csv', 'ImageId,PredictionString\nILSVRC2012_val_00000007,n01484850 1 2 3 4 \n')
    (record,) = records(ImageNet(synsets, solution, data_prefix='val'))
    assert (record['path'], record['label']) == ('val/ILSVRC2012_val_00000007.JPEG', 2)
    bad = put(tmp_path / 'bad.csv', 'ImageId,PredictionString\na,n09999999 1 2 3 4\n')
    with pytest.raises(AnnotationError, match=r"a\.JPEG is of the synset 'n09999999'"):
        ImageNet(synsets, bad, data_prefix='val')
    with pytest.raises(ValueError, match='line 2 is'):
        ImageNet(put(tmp_path / 'names.txt', 'n01440764 tench\ngoldfish\n'), data_prefix='val')
    assert read_class_names(synsets) == ['tench', 'goldfish', 'great white shark']
    assert read_class_names(put(tmp_path / 'classes.txt', 'apple_pie\nbeignets\n')) == ['apple pie', 'beignets']


def test_imagenet_variants(tmp_path):
    synsets = put(tmp_path / 'LOC_synset_mapping.txt', SYNSETS)
    keys = [line.split()[0] for line in SYNSETS.splitlines()]
    for number, key in enumerate(keys, start=1):
        write_image(tmp_path / f'folders/{key}/ILSVRC2012_val_{number:08d}.JPEG')
        write_image(tmp_path / f'v2/{number - 1}/x.jpeg')
    write_image(tmp_path / f'a/{keys[2]}/y.jpg')
    rows = [f'ILSVRC2012_val_{number:08d},{key} 1 2 3 4' for number, key in enumerate(keys, start=1)]
    solution = put(tmp_path / 'LOC_val_solution.csv', '\n'.join(['ImageId,PredictionString', *rows]))
    real = put(tmp_path / 'real.json', json.dumps([[0, 2], [], [1]]))
    variants = {
        'IN-1K': dict(folder='val', solution=solution),
        'IN-V2': dict(folder='v2', numbered=True),
        'IN-ReaL': dict(folder='val', solution=solution, real=real),
        'IN-Sketch': dict(folder='folders'),
        'IN-A': dict(folder='a', num_classes=1),
    }
    data = ImageNetVariants(synsets, variants, data_prefix=tmp_path)
    labels = {name: [r['labels'] for r in records(data) if r['variant'] == name] for name in variants}
    every = [[0], [1], [2]]
    assert labels == {'IN-1K': every, 'IN-V2': every, 'IN-ReaL': [[0, 2], [1]], 'IN-Sketch': every, 'IN-A': [[2]]}
    assert data.record(0)['path'] == f'{tmp_path}/val/ILSVRC2012_val_00000001.JPEG'
    assert data.metainfo['candidates'] == {'IN-A': [2]}
    short = put(tmp_path / 'short.json', '[[0]]')
    with pytest.raises(AnnotationError, match=r'no labels of .*00000002\.JPEG; it has those of 1'):
        ImageNetVariants(synsets, {'IN-ReaL': dict(folder='folders', real=short)}, data_prefix=tmp_path)


def test_a_variant_that_lacks_classes_is_refused(tmp_path):
    synsets = put(tmp_path / 'LOC_synset_mapping.txt', SYNSETS)
    write_image(tmp_path / 'a/n01440764/y.jpg')
    with pytest.raises(AnnotationError, match=r'IN-R has images of 0 classes in .*/r; expected 3 of those in'):
        ImageNetVariants(synsets, {'IN-R': dict(folder='r')}, data_prefix=tmp_path)
    with pytest.raises(AnnotationError, match=r'IN-A has images of 1 classes in .*/a; expected 2 of those in'):
        ImageNetVariants(synsets, {'IN-A': dict(folder='a', num_classes=2)}, data_prefix=tmp_path)
    unknown = put(tmp_path / 'solution.csv', 'ImageId,PredictionString\na,n09999999 1 2 3 4\n')
    with pytest.raises(AnnotationError, match=r'IN-1K has images of 1 classes in .*solution\.csv; expected 1 of those in'):
        ImageNetVariants(synsets, {'IN-1K': dict(folder='val', solution=unknown, num_classes=1)}, data_prefix=tmp_path)


def test_kinetics(tmp_path):
    lists = [put(tmp_path / f'{n}.txt', text) for n, text in enumerate(('a/x y_000001_000011.mp4 3\n', 'b.mp4 0\n'))]
    assert records(Kinetics(lists, data_prefix='k')) == [
        dict(sample_id='x y_000001_000011', media='video', path='k/a/x y_000001_000011.mp4', label=3),
        dict(sample_id='b', media='video', path='k/b.mp4', label=0),
    ]
    with pytest.raises(AnnotationError, match=r"entry 1 is 'b\.mp4'"):
        Kinetics(put(tmp_path / 'bad.txt', 'b.mp4\n'))


def test_fashion_mnist(tmp_path):
    def idx(name, array):
        head = struct.pack(f'>4B{array.ndim}I', 0, 0, 8, array.ndim, *array.shape)
        (tmp_path / name).write_bytes(gzip.compress(head + array.tobytes()))

    pixels = np.arange(2 * 28 * 28, dtype=np.uint32).astype(np.uint8).reshape(2, 28, 28)
    idx('train-images-idx3-ubyte.gz', pixels)
    idx('train-labels-idx1-ubyte.gz', np.uint8([9, 3]))
    found = records(FashionMNIST('train', tmp_path))
    assert [record['label'] for record in found] == [9, 3]
    assert found[1]['frames'].shape == (1, 28, 28, 3)
    assert all(np.array_equal(found[1]['frames'][0, ..., channel], pixels[1]) for channel in range(3))
    idx('train-labels-idx1-ubyte.gz', np.uint8([9]))
    with pytest.raises(AnnotationError, match='2 images, but 1 labels'):
        FashionMNIST('train', tmp_path)
    whole = (tmp_path / 'train-images-idx3-ubyte.gz').read_bytes()
    (tmp_path / 'train-images-idx3-ubyte.gz').write_bytes(whole[: len(whole) // 2])
    with pytest.raises(AnnotationError, match='not gzip, or cut off'):
        FashionMNIST('train', tmp_path)
    with pytest.raises(FileNotFoundError, match='t10k-images'):
        FashionMNIST('test', tmp_path)


def test_cifar(tmp_path):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (5, 32, 32, 3), np.uint8)
    for number, image in enumerate(images, start=1):
        planes = image.transpose(2, 0, 1).tobytes()
        (tmp_path / f'data_batch_{number}.bin').write_bytes(bytes([number]) + planes)
        (tmp_path / 'train.bin').write_bytes(bytes([19, 70 + number]) + planes)
    found = records(CIFAR10('train', tmp_path))
    assert [record['label'] for record in found] == [1, 2, 3, 4, 5]
    assert all(np.array_equal(r['frames'][0], image) for r, image in zip(found, images, strict=True))
    (fine,) = records(CIFAR100('train', tmp_path))
    assert fine['label'] == 75
    assert np.array_equal(fine['frames'][0], images[4])
    (tmp_path / 'test.bin').write_bytes(b'x' * 100)
    with pytest.raises(AnnotationError, match='100 bytes are not records of 3074'):
        CIFAR100('test', tmp_path)
    with pytest.raises(FileNotFoundError, match='binary version'):
        CIFAR10('test', tmp_path)


def test_lists_of_files(tmp_path):
    classes = put(tmp_path / 'classes.txt', 'apple_pie\nsushi\n')
    food = Food101(classes, put(tmp_path / 'train.txt', 'sushi/12\napple_pie/7\n'), data_prefix='images')
    assert [(r['path'], r['label']) for r in records(food)] == [('images/sushi/12.jpg', 1), ('images/apple_pie/7.jpg', 0)]
    names = put(tmp_path / 'ClassName.txt', '/a/abbey\n/a/apartment_building/outdoor\n')
    listed = put(tmp_path / 'Testing_01.txt', '/a/apartment_building/outdoor/sun_a.jpg\n/a/abbey/sun_b.jpg\n')
    assert [(r['path'], r['label']) for r in records(SUN397(names, listed, data_prefix='SUN397'))] == [
        ('SUN397/a/apartment_building/outdoor/sun_a.jpg', 1),
        ('SUN397/a/abbey/sun_b.jpg', 0),
    ]
    for texture in ('zigzagged', 'banded'):
        write_image(tmp_path / f'images/{texture}/{texture}_1.jpg')
    textures = {'train1.txt': 'zigzagged', 'val1.txt': 'banded'}
    parts = [put(tmp_path / part, f'{name}/{name}_1.jpg\n') for part, name in textures.items()]
    assert [r['label'] for r in records(DTD(parts, data_prefix=tmp_path / 'images'))] == [1, 0]
    with pytest.raises(AnnotationError, match=r"entry 1, 'ramen/1.jpg', is in none of the 2 class folders"):
        DTD(put(tmp_path / 'bad.txt', 'ramen/1.jpg\n'), data_prefix=tmp_path / 'images')


def test_cars(tmp_path):
    from scipy.io import savemat

    fields = [(key, object) for key in ('bbox_x1', 'class', 'fname')]
    savemat(tmp_path / 'annos.mat', dict(annotations=np.array([(1, 196, '00002.jpg'), (1, 1, '00001.jpg')], dtype=fields)))
    found = records(StanfordCars(str(tmp_path / 'annos.mat'), data_prefix='cars'))
    assert [(record['path'], record['label']) for record in found] == [('cars/00002.jpg', 195), ('cars/00001.jpg', 0)]
    unlabelled = np.array([(1, '00001.jpg')], dtype=[('bbox_x1', object), ('fname', object)])
    savemat(tmp_path / 'test.mat', dict(annotations=unlabelled))
    with pytest.raises(AnnotationError, match="expected 'annotations' with class and fname"):
        StanfordCars(str(tmp_path / 'test.mat'))
