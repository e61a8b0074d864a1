"""What is in the scenes and what is said of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

import numpy as np
import pytest

from mplug2.mini import WORDS, draw_scenes
from mplug2.mini.language import Question, clip_captions, clip_questions, image_captions, image_questions, statements
from mplug2.mini.world import CLIP_SIDE, DIGITS, SPLITS, Scene, photo_band, render_clip, scans


def of(scenes: Iterable[Scene], split: str) -> list[Scene]:
    return [scene for scene in scenes if scene.split == split]


@pytest.fixture(scope='module')
def images() -> list[Scene]:
    return draw_scenes('coco', 0, 0.1)


@pytest.fixture(scope='module')
def clips() -> list[Scene]:
    return draw_scenes('msrvtt', 0, 0.1)


@pytest.mark.slow
@pytest.mark.parametrize('collection', ['coco', 'msrvtt', 'msvd', 'imagenet'])
def test_no_scan_is_in_two_splits(collection: str) -> None:
    scenes = draw_scenes(collection, 0, 0.05)
    used = [{thing.scan for scene in of(scenes, split) for thing in scene.things} for split in SPLITS]
    assert all(used)
    assert not used[0] & used[1] | used[0] & used[2] | used[1] & used[2]


def test_scans_and_photographs_are_shared_out_without_overlap() -> None:
    _, labels, allotted = scans()
    every = [scan for split in SPLITS for own in allotted[split] for scan in own]
    assert sorted(every) == list(range(1797))
    for split in SPLITS:
        for digit in range(10):
            assert {labels[scan] for scan in allotted[split][digit]} == {digit}
    widths = {split: photo_band(0, split).shape[1] for split in SPLITS}
    assert widths['train'] > widths['val'] > 0


@pytest.mark.slow
@pytest.mark.parametrize('collection', ['coco', 'msrvtt'])
def test_no_two_scenes_of_a_test_are_described_alike(collection: str) -> None:
    describe = image_captions if collection == 'coco' else clip_captions
    scenes = draw_scenes(collection, 0, 0.2)
    for split in ('val', 'test'):
        said = [describe(scene, np.random.default_rng(0))[0] for scene in of(scenes, split)]
        assert len(set(said)) == len(said) >= 60


@pytest.mark.slow
def test_another_seed_is_another_world(clips: list[Scene]) -> None:
    assert draw_scenes('msrvtt', 0, 0.1) == clips
    assert draw_scenes('msrvtt', 1, 0.1)[:20] != clips[:20]


def test_every_caption_of_a_scene_states_the_same_facts(images: list[Scene], clips: list[Scene]) -> None:
    rng = np.random.default_rng(0)
    for scenes, describe, kinds in ((images, image_captions, ('colour', 'digit')), (clips, clip_captions, tuple(WORDS))):
        words = {word for kind in kinds for word in WORDS[kind]}
        for scene in scenes:
            captions = describe(scene, rng)
            assert len(captions) == 5
            facts = {tuple(sorted(word for word in caption.split() if word in words)) for caption in captions}
            assert len(facts) == 1
            (facts,) = facts
            things = sorted(word for thing in scene.things for word in (thing.colour, DIGITS[thing.digit]))
            assert sorted(set(facts) - set(WORDS['motion'])) == sorted(set(things))


def test_things_move_as_they_are_said_to(clips: list[Scene]) -> None:
    """The brightest change of a one-digit clip goes where its caption says."""
    seen = set()
    for scene in clips:
        (thing, *others) = scene.things
        if others or not thing.motion.startswith('moves') or thing.motion in seen:
            continue
        seen.add(thing.motion)
        frames = render_clip(scene, CLIP_SIDE).astype(float)
        still = np.median(frames, 0)
        places = []
        for frame in (frames[0], frames[-1]):
            change = np.abs(frame - still).sum(-1)
            change[change < change.max() / 2] = 0
            ys, xs = np.indices(change.shape)
            places.append(np.array([(xs * change).sum(), (ys * change).sum()]) / change.sum())
        dx, dy = places[1] - places[0]
        _, direction, _ = thing.motion.split()
        sign = {'left': -dx, 'right': dx, 'up': -dy, 'down': dy}[direction]
        assert sign > 3, (thing.motion, dx, dy)
    assert len(seen) == 8


def test_answers_are_true(images: list[Scene]) -> None:
    rng = np.random.default_rng(0)
    for scene in images:
        colours = Counter(thing.colour for thing in scene.things)
        words = Counter(thing.word for thing in scene.things)
        # Colours and digits of a scene all differ, so either names one thing; a lone one is asked for as "the digit".
        assert len(colours) == len(words) == len(scene.things)
        named = {name: thing for thing in scene.things for name in (thing.colour, thing.word)}
        named |= {'there': scene.things[0], 'the': scene.things[0]}
        for question in image_questions(scene, rng, 4):
            text = question.text.split()
            if question.kind == 'how many':
                assert question.answer == ('one', 'two', 'three')[len(scene.things) - 1]
            elif question.kind == 'is there':
                (asked,) = set(text) & ({*WORDS['colour'], *DIGITS})
                assert question.answer == ('yes' if colours[asked] or words[asked] else 'no')
            elif question.kind == 'what digit':
                assert question.answer == named[text[3]].word
            elif question.kind == 'what color':
                side = {'left': scene.things[0], 'right': scene.things[-1]}  # things stand in this order
                sizes = {thing.size: thing for thing in scene.things}
                word = text[-2] if text[-2] != 'digit' else text[-3]
                assert question.answer == ({**named, **side, **sizes}[word]).colour
            elif 'or' in text:
                assert question.answer == named[text[2]].size
            else:
                assert text[3:8] == ['digit', 'to', 'the', 'left', 'of']
                assert question.answer == ('yes' if named[text[2]].x < named[text[9]].x else 'no')


def test_statements_are_as_true_as_they_should_be(images: list[Scene]) -> None:
    stated = statements(images, np.random.default_rng(0))
    assert len(stated) > 0.95 * len(images)
    for number, sentence, true in stated:
        scene, text = images[number], sentence.split()
        if text[0] == 'there':
            assert (('one', 'two', 'three').index(text[2]) + 1 == len(scene.things)) == true
        elif text[1] in DIGITS:
            (thing,) = (thing for thing in scene.things if thing.word == text[1])
            assert (thing.colour == text[3]) == true
        else:
            (thing,) = (thing for thing in scene.things if thing.colour == text[1])
            assert (thing.size == text[4]) == true


def test_statements_alone_give_nothing_away(images: list[Scene]) -> None:
    stated = statements(images, np.random.default_rng(0))
    assert Counter(text for _, text, true in stated if true) == Counter(text for _, text, true in stated if not true)


@pytest.mark.parametrize('kind', ['image', 'video'])
def test_questions_alone_do_not_give_the_answers_away(kind: str, images: list[Scene], clips: list[Scene]) -> None:
    """Answering each question text with its most frequent answer, and new ones with their kind's, is right less than half."""
    scenes = images if kind == 'image' else clips
    ask: Callable[..., list[Question]] = image_questions if kind == 'image' else clip_questions
    rng = np.random.default_rng(0)
    by_text: dict[str, Counter] = defaultdict(Counter)
    by_kind: dict[str, Counter] = defaultdict(Counter)
    for scene in of(scenes, 'train'):
        for question in ask(scene, rng, 4):
            by_text[question.text][question.answer] += 1
            by_kind[question.kind][question.answer] += 1
    right = []
    for scene in [*of(scenes, 'val'), *of(scenes, 'test')] * 3:
        for question in ask(scene, rng, 4):
            answers = by_text.get(question.text) or by_kind[question.kind]
            right.append(answers.most_common(1)[0][0] == question.answer)
    assert len(right) > 500
    assert np.mean(right) < 0.5
