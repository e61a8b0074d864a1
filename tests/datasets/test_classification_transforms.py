"""mmaction2's pipelines inside ours, views of tests, RandAugment, random erasing."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from mplug2.datasets import BadSampleError, Kinetics, multimodal_collate
from mplug2.datasets.transforms import ActionPipeline, MultiCrop, PackInputs, RandAugment, RandomErasing, ResizeShorter
from mplug2.datasets.transforms.augment import OPERATIONS, SIGNED

from .media import copy_cut, frame_numbers, read_numbers, write_numbered, write_video

PACK = [dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]
DECODE = [dict(type='DecordInit'), dict(type='SampleFrames', clip_len=3, frame_interval=4, test_mode=True)]


def pixels(height=20, width=30, frames=2) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), np.uint8)


def test_one_clip_of_mmaction2(tmp_path):
    path = write_video(tmp_path / 'a.mp4', frames=25, side=64)
    steps = [*DECODE, dict(type='DecordDecode'), dict(type='Resize', scale=(32, 32), keep_ratio=False), *PACK]
    out = ActionPipeline(steps).transform(dict(path=str(path), label=3, sample_id='a'))
    assert out['frames'].shape == (3, 32, 32, 3)
    assert out['frames'].dtype == np.uint8
    assert frame_numbers(out['frames']) == [8, 12, 16]  # the middle of the clip, every fourth
    assert (out['label'], out['num_views'], out['gt_label'].tolist()) == (3, 1, [3])


@pytest.mark.parametrize('steps', [('OpenClip', 'DecodeClip'), ('DecordInit', 'DecordDecode'), ('PyAVInit', 'PyAVDecode')])
def test_pipelines_of_mmaction2_read_through_our_reader(tmp_path, steps):
    first, second = (dict(type=step) for step in steps)
    read = ActionPipeline([first, DECODE[1], second, *PACK])
    clip = dict(path=str(write_video(tmp_path / 'a.avi', frames=25, side=64)), label=3)
    assert frame_numbers(read.transform(clip)['frames']) == [8, 12, 16]
    cut = copy_cut(write_numbered(tmp_path / 'whole.mp4', frames=60, gop=20), tmp_path / 'cut.mp4', 29)
    assert read_numbers(read.transform(dict(path=str(cut), label=3))['frames']) == [40, 44, 48], 'of frames 29 to 59'


def test_clips_and_crops_are_views_of_one_sample(tmp_path):
    for name in ('a', 'b'):
        write_video(tmp_path / f'{name}.mp4', frames=25, side=64)
    listed = tmp_path / 'list.txt'
    listed.write_text('a.mp4 1\nb.mp4 0\n')
    sample = dict(type='SampleFrames', clip_len=3, frame_interval=4, num_clips=2, test_mode=True)
    steps = [dict(type='DecordInit'), sample, dict(type='DecordDecode'), dict(type='ThreeCrop', crop_size=64), *PACK]
    data = Kinetics(
        str(listed),
        data_prefix=str(tmp_path),
        test_mode=True,
        pipeline=[ActionPipeline(steps), PackInputs(fields=['label', 'gt_label'])],
    )
    batch = multimodal_collate([data[0], data[1]])
    assert batch['inputs']['frames'].shape == (12, 3, 3, 64, 64)
    assert [sample.num_views for sample in batch['data_samples']] == [6, 6]
    assert [sample.label for sample in batch['data_samples']] == [1, 0]
    # crop by crop, the clips of each: three crops of two clips
    starts = [round(float(view[0].float().mean()) / 8) for view in batch['inputs']['frames'][:6]]
    assert starts == [0, 16, 0, 16, 0, 16]


def test_a_mirrored_clip_has_the_mirrored_label(tmp_path):
    path = write_video(tmp_path / 'a.mp4', frames=25, side=64)
    flip = dict(type='Flip', flip_ratio=1.0, flip_label_map={0: 2, 2: 0})
    out = ActionPipeline([*DECODE, dict(type='DecordDecode'), flip, *PACK]).transform(dict(path=str(path), label=0))
    assert (out['label'], int(out['gt_label'])) == (2, 2)
    named = dict(flip, flip_label_map={'turn left': 'turn right', 'turn right': 'turn left'})
    classes = ['wave', 'turn right', 'jump', 'turn left']
    pipeline = ActionPipeline([*DECODE, dict(type='DecordDecode'), named, *PACK], classes=classes)
    assert pipeline.swapped_labels == [3, 1]
    assert pipeline.transform(dict(path=str(path), label=3))['label'] == 1
    with pytest.raises(ValueError, match="flip_label_map has 'turn left', which is none of"):
        ActionPipeline([named, *PACK], classes=classes[:3])
    with pytest.raises(ValueError, match='and no classes to look it up in'):
        ActionPipeline([named, *PACK])
    with pytest.raises(ValueError, match='has to make 2 to 0 too, and makes it 2'):
        ActionPipeline([dict(flip, flip_label_map={0: 2}), *PACK])


def test_broken_clips_are_bad_samples(tmp_path):
    steps = [*DECODE, dict(type='DecordDecode'), *PACK]
    pipeline = ActionPipeline(steps)
    with pytest.raises(BadSampleError, match='no such file'):
        pipeline.transform(dict(path=str(tmp_path / 'none.mp4'), label=0))
    cut = tmp_path / 'cut.mp4'
    cut.write_bytes(write_video(tmp_path / 'a.mp4').read_bytes()[:300])
    with pytest.raises(BadSampleError, match=r'cut.mp4: PyAV cannot read it'):
        pipeline.transform(dict(path=str(cut), label=0))
    with pytest.raises(ValueError, match='PackActionInputs'):
        ActionPipeline(steps[:-1])


def test_crops_of_a_test():
    frames = pixels()
    out = MultiCrop(20, 3).transform(dict(frames=frames))
    assert out['num_views'] == 3
    assert np.array_equal(out['frames'], np.stack([frames[:, :, left : left + 20] for left in (0, 5, 10)]))
    five = MultiCrop(10, 5).transform(dict(frames=frames))['frames']
    assert np.array_equal(five[0], frames[:, 5:15, 10:20])
    assert np.array_equal(five[4], frames[:, 10:, 20:])
    ten = MultiCrop(10, 10).transform(dict(frames=frames))['frames']
    assert np.array_equal(ten[:5], five)
    assert np.array_equal(ten[5:], five[:, :, :, ::-1])
    two = MultiCrop(10, 2).transform(dict(frames=frames))
    assert two['num_views'] == 2
    assert np.array_equal(two['frames'], ten[[0, 5]])
    packed = PackInputs().transform(dict(frames=ten, sample_id=1, num_views=10))
    assert packed['inputs']['frames'].shape == (10, 2, 3, 10, 10)
    assert torch.equal(packed['inputs']['frames'][3, 1].permute(1, 2, 0), torch.from_numpy(ten[3, 1].copy()))
    with pytest.raises(ValueError, match='smaller than 25'):
        MultiCrop(25).transform(dict(frames=frames, path='x'))
    with pytest.raises(ValueError, match='crops is one of'):
        MultiCrop(10, 4)


@pytest.mark.parametrize('name', OPERATIONS)
def test_strength_zero_leaves_the_photo(name):
    image = Image.fromarray(pixels()[0])
    changed = np.asarray(OPERATIONS[name](0.0)(image))
    if name in ('autocontrast', 'equalize'):
        assert changed.min() == 0
        assert changed.max() == 255
    else:
        assert np.array_equal(changed, np.asarray(image))
    if name in SIGNED:
        up, down = (np.asarray(OPERATIONS[name](amount)(image)) for amount in (1.0, -1.0))
        assert not np.array_equal(up, down)


def test_operations_by_hand():
    photo = pixels()[0]
    image = Image.fromarray(photo)
    solarized = np.asarray(OPERATIONS['solarize'](0.5)(image))
    assert np.array_equal(solarized, np.where(photo < 128, photo, 255 - photo))
    assert np.array_equal(np.asarray(OPERATIONS['posterize'](1.0)(image)), photo & 0xF0)
    moved = np.asarray(OPERATIONS['translate_x'](1 / 3)(image))  # 0.15 of the width: to the left by 4.5 pixels
    assert np.array_equal(moved[:, -4:], np.broadcast_to(np.uint8([124, 116, 104]), (20, 4, 3)))
    assert np.array_equal(np.asarray(OPERATIONS['color'](-1.0)(image)), np.asarray(ImageEnhance.Color(image).enhance(0.1)))


def test_rand_augment_changes_all_frames_alike_and_by_the_seed():
    frames = np.repeat(pixels(frames=1), 3, 0)
    results = []
    for seed in (0, 0, 1):
        random.seed(seed)
        results.append(RandAugment(2, 9).transform(dict(frames=frames))['frames'])
    assert all(np.array_equal(frame, results[0][0]) for frame in results[0])
    assert np.array_equal(results[0], results[1])
    assert not np.array_equal(results[0], results[2])
    assert results[0].shape == frames.shape
    with pytest.raises(ValueError, match='between 0 and 10'):
        RandAugment(magnitude=20)


def test_erasing():
    frames = np.full((2, 40, 40, 3), 255, np.uint8)
    random.seed(0)
    np.random.seed(0)
    out = RandomErasing(1.0, area=(0.1, 0.2)).transform(dict(frames=frames))['frames']
    changed = (out != 255).any(-1)
    assert np.array_equal(changed[0], changed[1])
    assert 0.08 < changed.mean() < 0.22
    rows, columns = np.nonzero(changed[0])
    assert changed[0, rows.min() : rows.max() + 1, columns.min() : columns.max() + 1].mean() > 0.9  # a rectangle
    assert frames.min() == 255
    assert RandomErasing(0.0).transform(dict(frames=frames))['frames'] is frames


def test_a_line_of_pixels_does_not_become_gigabytes():
    line = np.arange(4000, dtype=np.int64).astype(np.uint8)[None, None, :, None].repeat(2, 1).repeat(3, 3)
    found = ResizeShorter(64)(dict(frames=line))['frames']
    assert found.shape == (1, 64, 64 * 64, 3)
    assert np.array_equal(ResizeShorter(64)(dict(frames=line[:, :, 1936:2064]))['frames'], found), 'the middle'
    assert ResizeShorter(8)(dict(frames=line[:, :, :100]))['frames'].shape == (1, 8, 400, 3), 'others are whole'
