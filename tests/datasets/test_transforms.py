import random

import cv2
import numpy as np
import pytest
import torch

from mplug2.datasets.transforms import (
    CenterCrop,
    ColorJitter,
    HorizontalFlip,
    PackInputs,
    RandomResizedCrop,
    Resize,
    TargetText,
    TokenizeTarget,
    TokenizeText,
)
from mplug2.datasets.transforms.spatial import swap_sides
from mplug2.registry import TRANSFORMS
from mplug2.text import BertTokenizer, instruction


def clip(height=40, width=60, frames=3) -> dict:
    pixels = np.random.default_rng(0).integers(0, 256, (frames, height, width, 3), np.uint8)
    return dict(frames=pixels, boxes=np.float32([[6, 10, 30, 20]]), sample_id=7, path='a.mp4')


@pytest.fixture(scope='module')
def tokenizer():
    return BertTokenizer()


def test_resizing_squashes_frames_and_boxes():
    frames = clip()['frames']
    out = Resize((20, 30), 'nearest').transform(clip())
    assert np.array_equal(out['frames'], frames[:, ::2, ::2])
    assert out['boxes'].tolist() == [[3, 5, 15, 10]]
    smooth = Resize(16, 'bilinear').transform(clip())['frames']
    assert smooth.shape == (3, 16, 16, 3)
    assert np.array_equal(smooth[1], cv2.resize(frames[1], (16, 16), interpolation=cv2.INTER_LINEAR))
    with pytest.raises(ValueError, match='interpolation'):
        Resize(16, 'best')


def test_center_crop():
    out = CenterCrop(20).transform(clip())
    assert np.array_equal(out['frames'], clip()['frames'][:, 10:30, 20:40])
    assert out['boxes'].tolist() == [[0, 0, 10, 10]]
    with pytest.raises(ValueError, match=r'a\.mp4 has frames of 40 x 60'):
        CenterCrop(50).transform(clip())


def test_random_crop_is_one_for_all_frames_and_within_its_ranges():
    crop = RandomResizedCrop(16, scale=(0.3, 0.6), ratio=(0.5, 2.0))
    same = clip()
    same['frames'] = np.repeat(same['frames'][:1], 3, 0)
    out = crop.transform(same)['frames']
    assert out.shape == (3, 16, 16, 3)
    assert np.array_equal(out[0], out[1])
    places = set()
    for _ in range(200):
        top, left, height, width = crop.draw(40, 60)
        assert 0 <= top <= 40 - height
        assert 0 <= left <= 60 - width
        assert 0.27 < height * width / 2400 < 0.66
        assert 0.45 < width / height < 2.2
        places.add((top, left))
    assert len(places) > 100
    assert RandomResizedCrop(8, scale=(1, 1), ratio=(5, 5)).draw(40, 60) == (0, 0, 40, 60)


def test_flip_mirrors_boxes_and_words():
    record = clip() | dict(
        captions=['A dog Left of the cat, RIGHT', 'the leftmost one is bright'], question='what moves right?', answers=['left']
    )
    out = HorizontalFlip(1.0).transform(record)
    assert np.array_equal(out['frames'], clip()['frames'][:, :, ::-1])
    assert out['boxes'].tolist() == [[30, 10, 54, 20]]
    assert out['captions'] == ['A dog Right of the cat, LEFT', 'the rightmost one is bright']
    assert out['question'] == 'what moves left?'
    assert out['answers'] == ['right']
    untold = HorizontalFlip(1.0, texts=()).transform(clip() | dict(question='left?'))
    assert untold['question'] == 'left?'
    assert np.array_equal(HorizontalFlip(0.0).transform(clip())['frames'], clip()['frames'])


@pytest.mark.parametrize(
    ('text', 'mirrored'),
    [
        ('a plate of leftovers on the left', 'a plate of leftovers on the right'),
        ('rightly the rightmost, lefthand dish', 'rightly the leftmost, righthand dish'),
    ],
)
def test_only_words_of_sides_are_swapped(text, mirrored):
    assert swap_sides(text) == mirrored


def test_colour_jitter():
    random.seed(0)
    assert np.array_equal(ColorJitter().transform(clip())['frames'], clip()['frames'])
    out = ColorJitter(0.4, 0.4, 0.4).transform(clip())['frames']
    assert out.shape == (3, 40, 60, 3)
    assert out.dtype == np.uint8
    assert not np.array_equal(out, clip()['frames'])
    grey = dict(frames=np.full((1, 4, 4, 3), 100, np.uint8))
    assert np.array_equal(ColorJitter(contrast=0.5, saturation=0.5).transform(grey)['frames'], np.full((1, 4, 4, 3), 100))
    values = {int(ColorJitter(brightness=0.2).transform(dict(grey))['frames'][0, 0, 0, 0]) for _ in range(200)}
    assert 80 <= min(values) < 85
    assert 115 < max(values) <= 120


def test_text_is_instruction_then_the_own_words(tokenizer):
    both = TokenizeText(tokenizer, 'question', 'question_answering', clean='question')
    out = both.transform(dict(question='What is this?', sample_id=1, media='image'))
    assert out['text'] == tokenizer.encode(f'{instruction("question_answering", "image")} what is this')
    alone = TokenizeText(tokenizer, instruction='captioning', out='words')
    assert alone.transform(dict(media='video'))['words'] == tokenizer.encode(instruction('captioning', 'video'))
    own = TokenizeText(tokenizer, instruction='name the thing .')
    assert own.transform(dict(media='video'))['text'] == tokenizer.encode('name the thing .')
    assert TokenizeText(tokenizer).transform(dict(media='video'))['text'] == [tokenizer.cls_id]
    cut = TokenizeText(tokenizer, 'question', max_length=4).transform(dict(question='what is this thing'))
    assert cut['text'] == tokenizer.encode('what is this')
    with pytest.raises(KeyError, match=r"sample 1 has no 'question'"):
        both.transform(dict(sample_id=1, captions=[], media='image'))
    with pytest.raises(KeyError, match="no instruction is registered for 'singing'"):
        TokenizeText(tokenizer, instruction='singing').transform(dict(media='image'))
    with pytest.raises(ValueError, match="'question', 'caption'"):
        TokenizeText(tokenizer, 'question', clean='other')


def test_targets_weigh_the_annotators(tokenizer):
    answers = ['red'] * 7 + ['dark red'] * 2 + ['Blue']
    out = TokenizeTarget(tokenizer, 'answers', choose='all').transform(dict(answers=answers))['target']
    assert [(tokenizer.decode(one.ids), one.weight) for one in out] == [('red', 0.7), ('dark red', 0.2), ('blue', 0.1)]
    assert sum(one.weight for one in out) == pytest.approx(1)
    merged = TokenizeTarget(tokenizer, 'answers', choose='all', clean='question').transform(dict(answers=['No.', 'no']))
    assert merged['target'] == [TargetText([101, 2053, 102], [False, True, True], 1.0)]


def test_targets_of_captions(tokenizer):
    captions = ['One.', 'Two.', 'Three.']
    chosen = TokenizeTarget(tokenizer, 'captions', prompt='a video of', clean='caption')
    said = {tokenizer.decode(chosen.transform(dict(captions=captions))['target'][0].ids) for _ in range(50)}
    assert said == {'a video of one', 'a video of two', 'a video of three'}
    assert chosen.transform(dict(captions=captions))['target'][0].loss_mask == [False] * 4 + [True] * 2
    first = TokenizeTarget(tokenizer, 'captions', choose='first').transform(dict(captions=captions))['target']
    assert first == [TargetText(*tokenizer.encode_target('One.'), 1.0)]
    single = TokenizeTarget(tokenizer, 'summary', choose='first').transform(dict(summary='One.'))['target']
    assert single == first
    with pytest.raises(ValueError, match='choose'):
        TokenizeTarget(tokenizer, 'captions', choose='best')


def test_packing():
    record = clip() | dict(media='video', captions=['a'], text=[101, 5], extra=np.float32([1, 2]), test_mode=False)
    packed = PackInputs(inputs=('extra',), fields=('captions',)).transform(record)
    assert set(packed['inputs']) == {'frames', 'text', 'extra'}
    assert packed['inputs']['frames'].dtype == torch.uint8
    assert torch.equal(packed['inputs']['frames'], torch.from_numpy(clip()['frames']).permute(0, 3, 1, 2))
    assert packed['inputs']['frames'].is_contiguous()
    assert packed['inputs']['extra'].tolist() == [1, 2]
    sample = packed['data_samples']
    assert sample.metainfo == dict(sample_id=7, media='video', path='a.mp4')
    assert sample.captions == ['a']
    with pytest.raises(KeyError, match=r"sample 7 has no 'answers'"):
        PackInputs(fields=('answers',)).transform(clip())


@pytest.mark.parametrize(
    'config',
    [
        dict(type='LoadImage'),
        dict(type='LoadVideo', num_frames=8),
        dict(type='Resize', size=8),
        dict(type='TokenizeText', tokenizer=dict(type='BertTokenizer'), key='question'),
        dict(type='PackInputs'),
    ],
)
def test_built_by_name(config):
    assert type(TRANSFORMS.build(config)).__name__ == config['type']
