"""What transforms say of shapes, and how a smoke test shrinks them."""

from __future__ import annotations

import pytest

from mplug2.datasets.foreign import Description, description_of, register_description
from mplug2.datasets.shapes import SampleShape, describe_shape
from mplug2.datasets.transforms import BoxTarget, LoadVideo, MultiCrop, Resize
from mplug2.registry import DATASETS, TRANSFORMS
from mplug2.testing.tiny import TinySize

GUESS = SampleShape()


@pytest.mark.parametrize(
    ('step', 'changes'),
    [
        (dict(type='LoadImage'), dict(media='image')),
        (dict(type='LoadVideo'), dict(media='video', frames=4)),  # its default
        (dict(type='LoadVideo', num_frames=16), dict(media='video', frames=16)),
        (dict(type='ResizeShorter', size=256), dict(side=256)),
        (dict(type='CenterCrop', size=(224, 224)), dict(side=224)),
        (dict(type=MultiCrop, size=32), dict(side=32)),
        (dict(type='HorizontalFlip'), {}),
        (dict(type='TokenizeText', max_length=12), dict(text=12)),
        (dict(type='TokenizeText', instruction='completion', max_words=10), dict(text=1 + 4 + 10)),
        (dict(type='TokenizeText', max_length=12, out='other'), {}),
        (dict(type='TokenizeTexts', max_length=12), {}),
        (dict(type='TokenizePair', first='document', max_length=64), dict(text=64)),
        (dict(type='AnswerWindows'), dict(text=384)),
        (dict(type='TokenizeTarget', key='captions', max_words=7), dict(target=1 + 7 + 1)),
        (dict(type='BoxTarget'), dict(target=6)),
        (dict(type='SplitPrefix'), dict(target=GUESS.text)),
        (dict(type='SplitPrefix', max_length=9), dict(target=9)),
        (dict(type='NotRegistered'), {}),
    ],
    ids=lambda value: str(value.get('type', '')) if 'type' in value else '',
)
def test_what_a_transform_makes_of_a_shape(step: dict, changes: dict) -> None:
    assert describe_shape(step, GUESS, TRANSFORMS) == GUESS._replace(**changes)


def test_clips_of_mmaction_are_as_the_last_step_leaves_them() -> None:
    steps = [
        dict(type='SampleFrames', clip_len=8),
        dict(type='Resize', scale=(-1, 256)),
        dict(type='CenterCrop', crop_size=224),
    ]
    cfg = dict(type='ActionPipeline', steps=steps)
    assert describe_shape(cfg, GUESS, TRANSFORMS) == GUESS._replace(media='video', frames=8, side=224)
    TRANSFORMS.find('ActionPipeline').shrink_config(cfg, TinySize())
    assert describe_shape(cfg, GUESS, TRANSFORMS) == GUESS._replace(media='video', frames=2, side=32)
    assert steps[1]['scale'] == (-1, 32)


def test_a_smoke_test_shrinks_frames_and_leaves_what_is_not_there() -> None:
    size, pair, video, target = dict(size=224), dict(size=(448, 224)), dict(), dict()
    for kind, cfg in ((Resize, size), (Resize, pair), (LoadVideo, video), (BoxTarget, target)):
        kind.shrink_config(cfg, TinySize())
    assert (size, pair) == (dict(size=32), dict(size=(32, 32)))
    assert video == dict(num_frames=2, backend='pyav')
    assert target == {}


def test_images_in_memory_say_so_and_their_subclasses_too() -> None:
    assert describe_shape(dict(type='CIFAR10'), GUESS, DATASETS).media == 'image'


def test_a_description_holds_for_derived_classes(monkeypatch: pytest.MonkeyPatch) -> None:
    class Squash:
        pass

    class SquashMore(Squash):
        pass

    monkeypatch.setattr('mplug2.datasets.foreign._DESCRIPTIONS', {})
    assert description_of(SquashMore) == Description()
    register_description('tests.Squash', shape=lambda cfg, shape: shape._replace(side=1))
    assert describe_shape(dict(type=SquashMore), GUESS, TRANSFORMS).side == 1
