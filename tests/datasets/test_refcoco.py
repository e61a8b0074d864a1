import json
import os
import pickle
import random
import runpy
from pathlib import Path

import numpy as np
import pytest

from mplug2.datasets import AnnotationError, RefCOCO
from mplug2.datasets.transforms import BoxSafeResizedCrop

CONVERTER = runpy.run_path(str(Path(__file__).parents[2] / 'tools/data/refcoco.py'))


def reference(number, image, split):
    sentences = [dict(raw=f'R{number}{s}', sent=f'r{number}{s}', tokens=[], sent_id=10 * number + s) for s in range(2)]
    name = f'COCO_train2014_{image:012d}_{number}.jpg'  # as in the official files, where the images have no such ending
    record = dict(ref_id=number, ann_id=100 + number, image_id=image, category_id=1, file_name=name, split=split)
    return {**record, 'sentences': sentences, 'sent_ids': [10 * number, 10 * number + 1]}


@pytest.fixture
def folder(tmp_path):
    """Two data sets as the archives have them; image 2 is trained on by the first and tested by the second."""
    images = [dict(id=i, file_name=f'COCO_train2014_{i:012d}.jpg', width=640, height=480) for i in (1, 2, 3)]
    annotations = [dict(id=100 + n, image_id=i, bbox=[10.5, 20, 30, 40]) for n, i in ((0, 1), (1, 2), (2, 3), (3, 2))]
    for name, pickled, refs in (
        ('refcoco', 'refs(unc).p', [reference(0, 1, 'train'), reference(1, 2, 'train'), reference(2, 3, 'testA')]),
        ('refcocog', 'refs(umd).p', [reference(3, 2, 'test')]),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / 'instances.json').write_text(json.dumps(dict(images=images, annotations=annotations)))
        with open(tmp_path / name / pickled, 'wb') as file:
            pickle.dump(refs, file, protocol=0)
        CONVERTER['convert'](tmp_path / name)
    return tmp_path


def test_expressions_of_the_official_files(folder):
    data = RefCOCO(f'{folder}/refcoco/refs.json', f'{folder}/refcoco/instances.json', 'train', data_prefix='coco')
    assert [data.record(index)['phrase'] for index in range(len(data))] == ['r00', 'r01', 'r10', 'r11']
    record = data.record(2)
    assert record['path'] == 'coco/train2014/COCO_train2014_000000000002.jpg'
    assert record['boxes'] == [[10.5, 20, 40.5, 60]]
    assert record['sample_id'] == 10


def test_the_union_does_not_train_on_tested_images(folder):
    every = [f'{folder}/refcoco/refs.json', f'{folder}/refcocog/refs.json']
    data = RefCOCO(every, f'{folder}/refcoco/instances.json', 'train', exclude=every)
    assert [data.record(index)['phrase'] for index in range(len(data))] == ['r00', 'r01']


def test_mini_has_the_same_layout(mini_home):
    root = mini_home / 'data/mini'
    every = [f'{root}/refcoco/{name}/refs.json' for name in ('refcoco', 'refcoco+', 'refcocog')]
    instances = [f'{root}/coco/annotations/instances_{name}.json' for name in ('train2014', 'minival2014', 'val2014')]
    data = RefCOCO(every[2], instances, 'test', data_prefix=f'{root}/coco')
    assert Path(data.record(0)['path']).is_file()
    assert len(RefCOCO(every, instances, 'train', exclude=every)) == len(RefCOCO(every, instances, 'train'))


def test_errors(folder):
    with pytest.raises(ValueError, match='split is one of'):
        RefCOCO(f'{folder}/refcoco/refs.json', f'{folder}/refcoco/instances.json', 'testC')
    refs = json.loads((folder / 'refcoco/refs.json').read_text())
    refs[1]['ann_id'] = 7
    (folder / 'refcoco/refs.json').write_text(json.dumps(refs))
    with pytest.raises(AnnotationError, match='record 1 has ann_id 7'):
        RefCOCO(f'{folder}/refcoco/refs.json', f'{folder}/refcoco/instances.json', 'train')


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Bad:
        def __reduce__(self):
            return (os.system, ('true',))

    with open(tmp_path / 'refs(unc).p', 'wb') as file:
        pickle.dump([Bad()], file)
    with pytest.raises(ValueError, match=r'asks for (posix|nt)\.system'):
        CONVERTER['read_refs'](tmp_path / 'refs(unc).p')


def test_the_converter_checks_boxes(folder):
    refs, instances = [reference(9, 1, 'train')], json.loads((folder / 'refcoco/instances.json').read_text())
    with pytest.raises(ValueError, match=r'ref_id 9: .* no box 109'):
        CONVERTER['check'](refs, instances, 'refs(unc).p')


def test_crops_keep_the_object():
    random.seed(0)
    crop = BoxSafeResizedCrop(48, scale=(0.3, 1.0))
    frames = np.zeros((1, 60, 80, 3), np.uint8)
    frames[:, 25:50, 10:30] = 255
    sizes = set()
    for _ in range(50):
        found = crop.transform(dict(frames=frames, boxes=[[10, 25, 30, 50]]))
        left, top, right, bottom = found['boxes'][0]
        sizes.add(round(right - left))
        assert 0 <= left < right <= 48.001
        assert 0 <= top < bottom <= 48.001
        white = np.argwhere(found['frames'][0, :, :, 0] > 127)
        assert np.abs([*white.min(0)[::-1], *(white.max(0)[::-1] + 1)] - found['boxes'][0]).max() <= 1.5
    assert len(sizes) > 5
    whole = crop.transform(dict(frames=frames, boxes=[[0, 0, 80, 60]]))
    assert whole['boxes'].tolist() == [[0, 0, 48, 48]]
