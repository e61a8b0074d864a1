"""Texts about a scene: captions, questions, referring expressions, statements and longer texts.

Every paraphrase of a caption uses the same colour, digit and motion words, so these can be counted in a prediction.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .world import COLOURS, DIGITS, DIRECTIONS, SIZES, SPEEDS, Scene, Thing

COUNTS = ('one', 'two', 'three')
VERBS = ('moves', 'grows', 'shrinks', 'appears', 'stays')
# The words of each kind of fact; metrics count them.
WORDS = {'colour': tuple(COLOURS), 'digit': DIGITS, 'motion': (*VERBS, *DIRECTIONS, *SPEEDS)}


# Other words that some annotators use.
SYNONYMS = {'purple': 'violet', 'pink': 'rose', 'large': 'big', 'small': 'little'}


class Question(NamedTuple):
    """text, answer; kind: how it begins ('what color', ...); answer_type: VQA's 'yes/no', 'number' or 'other'."""

    text: str
    answer: str
    kind: str
    answer_type: str


def noun(thing: Thing, moving: bool = False, article: str = 'a') -> str:
    """'a large red seven'; a thing that grows or shrinks has no size word."""
    size = '' if moving and thing.motion in ('grows', 'shrinks') else f'{thing.size} '
    return f'{article} {size}{thing.colour} {thing.word}'


def region(thing: Thing) -> str:
    """One of nine regions of the image: 'top left', 'top', ..., 'middle'."""
    row = ('top', '', 'bottom')[min(2, int(thing.y * 3))]
    column = ('left', '', 'right')[min(2, int(thing.x * 3))]
    return f'{row} {column}'.strip() or 'middle'


def image_captions(scene: Scene, rng: np.random.Generator, count: int = 5) -> list[str]:
    """Descriptions of an image, the plain one first."""
    things = scene.things
    if len(things) == 1:
        (thing,) = things
        where = region(thing)
        forms = [
            f'{noun(thing)} at the {where}',
            f'there is {noun(thing)} at the {where}',
            f'at the {where} there is {noun(thing)}',
            f'{noun(thing)} at the {where} of a photo',
        ]
    elif len(things) == 2:
        first, second = things
        forms = [
            f'{noun(first)} to the left of {noun(second)}',
            f'there is {noun(first)} to the left of {noun(second)}',
            f'{noun(second)} to the right of {noun(first)}',
            f'{noun(first)} to the left of {noun(second)} in a photo',
        ]
    else:
        first, second, third = things
        forms = [
            f'{noun(first)} and {noun(second)} and {noun(third)}',
            f'from left to right {noun(first)} and {noun(second)} and {noun(third)}',
            f'there are {noun(first)} and {noun(second)} and {noun(third)}',
            f'{noun(first)} and {noun(second)} and {noun(third)} in a photo',
        ]
    return _spread(forms, rng, count)


def clip_captions(scene: Scene, rng: np.random.Generator, count: int = 5) -> list[str]:
    """Descriptions of a clip, the plain one first."""
    plain = [f'{noun(thing, True)} {thing.motion}' for thing in scene.things]
    moving = [_adverb_first(thing) for thing in scene.things]
    forms = [
        ' and '.join(plain),
        ' and '.join(moving),
        ' while '.join(plain),
        'in the video ' + ' and '.join(plain),
        'there is ' + ' and '.join(f'{noun(thing, True)} that {thing.motion}' for thing in scene.things),
    ]
    return _spread(list(dict.fromkeys(forms)), rng, count)


def _adverb_first(thing: Thing) -> str:
    if not thing.motion.startswith('moves'):
        return f'{noun(thing, True)} {thing.motion}'
    verb, direction, speed = thing.motion.split()
    return f'{noun(thing, True)} {speed} {verb} {direction}'


def _spread(forms: list[str], rng: np.random.Generator, count: int) -> list[str]:
    """The plain form twice in five, the others at random."""
    others = [forms[1 + int(i)] for i in rng.integers(len(forms) - 1, size=count - 2)]
    return [forms[0], *others, forms[0]]


def image_questions(scene: Scene, rng: np.random.Generator, count: int) -> list[Question]:
    """Questions about an image, of different kinds, yes and no equally often."""
    things = scene.things
    makers = [_count_question, _color_question, _color_question, _size_question, _digit_question, _yes_no, _yes_no]
    if len(things) > 1:
        makers += [_side_question, _relation]
    questions: dict[str, Question] = {}
    while len(questions) < count:
        question = makers[rng.integers(len(makers))](scene, rng)
        if question is not None:
            questions.setdefault(question.text, question)
    return list(questions.values())


def _pick(scene: Scene, rng: np.random.Generator) -> Thing:
    return scene.things[rng.integers(len(scene.things))]


def _only(scene: Scene, name: str, value: str | int) -> bool:
    return sum(getattr(thing, name) == value for thing in scene.things) == 1


def _count_question(scene: Scene, rng: np.random.Generator) -> Question:
    return Question('how many digits are there ?', COUNTS[len(scene.things) - 1], 'how many', 'number')


def _color_question(scene: Scene, rng: np.random.Generator) -> Question:
    thing = _pick(scene, rng)
    if len(scene.things) == 1:
        what = 'the digit'
    elif _only(scene, 'size', thing.size) and rng.random() < 0.7:
        what = f'the {thing.size} digit'
    else:
        what = f'the {thing.word}'
    return Question(f'what color is {what} ?', thing.colour, 'what color', 'other')


def _size_question(scene: Scene, rng: np.random.Generator) -> Question:
    thing = _pick(scene, rng)
    return Question(f'is the {thing.colour} digit small or large ?', thing.size, 'is the', 'other')


def _digit_question(scene: Scene, rng: np.random.Generator) -> Question:
    thing = _pick(scene, rng)
    text = 'what digit is there ?' if len(scene.things) == 1 else f'what digit is {thing.colour} ?'
    return Question(text, thing.word, 'what digit', 'number')


def _side_question(scene: Scene, rng: np.random.Generator) -> Question | None:
    if scene.things[1].x - scene.things[0].x < 0.15 or scene.things[-1].x - scene.things[-2].x < 0.15:
        return None
    side, thing = (('left', scene.things[0]), ('right', scene.things[-1]))[rng.integers(2)]
    return Question(f'what color is the digit on the {side} ?', thing.colour, 'what color', 'other')


def _relation(scene: Scene, rng: np.random.Generator) -> Question | None:
    first, second = rng.choice(len(scene.things), 2, replace=False)
    thing, other = scene.things[first], scene.things[second]
    if abs(thing.x - other.x) < 0.15:
        return None
    answer = 'yes' if thing.x < other.x else 'no'
    return Question(f'is the {thing.colour} digit to the left of the {other.colour} digit ?', answer, 'is the', 'yes/no')


def _yes_no(scene: Scene, rng: np.random.Generator) -> Question:
    yes = rng.random() < 0.5
    if rng.random() < 0.7:
        present = {thing.colour for thing in scene.things}
        candidates = [colour for colour in COLOURS if (colour in present) == yes]
        digit = f'a {candidates[rng.integers(len(candidates))]} digit'
    else:
        present = {thing.word for thing in scene.things}
        candidates = [word for word in DIGITS if (word in present) == yes]
        digit = f'a {candidates[rng.integers(len(candidates))]}'
    return Question(f'is there {digit} ?', 'yes' if yes else 'no', 'is there', 'yes/no')


def clip_questions(scene: Scene, rng: np.random.Generator, count: int) -> list[Question]:
    """Questions about a clip; each answer is one word."""
    makers = [_direction_question, _direction_question, _speed_question, _what_does, _mover_color, _mover_color, _mover_digit]
    questions: dict[str, Question] = {}
    for _ in range(30):
        question = makers[rng.integers(len(makers))](scene, rng)
        if question is not None:
            questions.setdefault(question.text, question)
        if len(questions) == count:
            break
    return list(questions.values())


def _referred(scene: Scene, thing: Thing) -> str:
    return 'the digit' if len(scene.things) == 1 else f'the {thing.colour} digit'


def _mover(scene: Scene, rng: np.random.Generator) -> Thing | None:
    movers = [thing for thing in scene.things if thing.motion.startswith('moves')]
    return movers[rng.integers(len(movers))] if movers else None


def _direction_question(scene: Scene, rng: np.random.Generator) -> Question | None:
    thing = _mover(scene, rng)
    if thing is None:
        return None
    return Question(f'where does {_referred(scene, thing)} move ?', thing.motion.split()[1], 'where', 'other')


def _speed_question(scene: Scene, rng: np.random.Generator) -> Question | None:
    thing = _mover(scene, rng)
    if thing is None:
        return None
    return Question(f'how does {_referred(scene, thing)} move ?', thing.motion.split()[2], 'how', 'other')


def _what_does(scene: Scene, rng: np.random.Generator) -> Question:
    thing = _pick(scene, rng)
    return Question(f'what does {_referred(scene, thing)} do ?', thing.motion.split()[0], 'what', 'other')


def _deed(scene: Scene, rng: np.random.Generator) -> tuple[str, Thing] | None:
    """A motion that only one thing has, and that thing."""
    thing = _pick(scene, rng)
    return (thing.motion, thing) if _only(scene, 'motion', thing.motion) else None


def _mover_color(scene: Scene, rng: np.random.Generator) -> Question | None:
    motion_and_thing = _deed(scene, rng)
    return motion_and_thing and Question(
        f'what color is the digit that {motion_and_thing[0]} ?', motion_and_thing[1].colour, 'what color', 'other'
    )


def _mover_digit(scene: Scene, rng: np.random.Generator) -> Question | None:
    motion_and_thing = _deed(scene, rng)
    return motion_and_thing and Question(f'which digit {motion_and_thing[0]} ?', motion_and_thing[1].word, 'which', 'other')


def expressions(scene: Scene, index: int, rng: np.random.Generator, kind: str) -> list[str]:
    """Phrases that single out one thing of an image.

    Args:
        kind: 'refcoco' (short), 'refcoco+' (no words of location) or 'refcocog' (whole sentences).
    """
    thing, others = scene.things[index], [t for i, t in enumerate(scene.things) if i != index]
    phrases = [f'the {thing.colour} {thing.word}', f'the {thing.colour} digit']
    if all(other.size != thing.size for other in others):
        phrases.append(f'the {thing.size} digit')
    phrases.append(f'the {thing.word}')
    if kind != 'refcoco+' and others:
        if all(thing.x < other.x - 0.15 for other in others):
            phrases.append('the digit on the left')
        if all(thing.x > other.x + 0.15 for other in others):
            phrases.append('the digit on the right')
        near = others[rng.integers(len(others))]
        if abs(near.x - thing.x) > 0.15:
            side = 'left' if thing.x < near.x else 'right'
            # Unique only if no other thing is on that side of the neighbour.
            if not any(other is not near and (other.x < near.x) == (side == 'left') for other in others):
                phrases.append(f'the digit to the {side} of the {near.colour} digit')
    if kind == 'refcocog':
        return [f'{noun(thing, article="the")} at the {region(thing)}', f'the {thing.size} {thing.word} that is {thing.colour}']
    order = rng.permutation(len(phrases))[:3]
    return [phrases[i] for i in order]


class Statement(NamedTuple):
    """text; subject: the digit or colour that it is about, '' for the whole scene; says: the word that it asserts."""

    text: str
    subject: str
    says: str


def statement(scene: Scene, rng: np.random.Generator) -> Statement:
    """A statement that a scene's description entails: how many digits, the colour of a digit, or the size of a coloured one."""
    kind = rng.integers(3)
    thing = _pick(scene, rng)
    if kind == 0:
        count = len(scene.things)
        text = f'there {"is" if count == 1 else "are"} {COUNTS[count - 1]} digit{"s" if count > 1 else ""}'
        return Statement(text, '', COUNTS[count - 1])
    if kind == 1:
        return Statement(f'the {thing.word} is {thing.colour}', thing.word, thing.colour)
    return Statement(f'the {thing.colour} digit is {thing.size}', thing.colour, thing.size)


def contradicts(scene: Scene, claim: Statement) -> bool:
    """Whether a scene has the subject of a statement, and the statement is false of it."""
    if not claim.subject:
        return COUNTS[len(scene.things) - 1] != claim.says
    facts = ({thing.word: thing.colour for thing in scene.things}, {thing.colour: thing.size for thing in scene.things})
    return any(claim.subject in known and known[claim.subject] != claim.says for known in facts)


def statements(scenes: list[Scene], rng: np.random.Generator) -> list[tuple[int, str, bool]]:
    """Pair each statement with two scenes: one entails and one contradicts it, so that the statement alone decides nothing.

    Returns:
        (number of the scene, text, whether it is true), sorted by number. Scenes without a partner are left out.
    """
    left = [int(number) for number in rng.permutation(len(scenes))]
    examples = []
    while len(left) > 1:
        first = left.pop()
        claim = statement(scenes[first], rng)
        other = next((number for number in left if contradicts(scenes[number], claim)), None)
        if other is not None:
            left.remove(other)
            examples += [(first, claim.text, True), (other, claim.text, False)]
    return sorted(examples)


def description(scene: Scene) -> str:
    """The plain caption of an image without locations. Statements and passages are about it."""
    return ' and '.join(noun(thing) for thing in scene.things)


class Passage(NamedTuple):
    """text; questions: (question, answer or None, character at which the answer starts)."""

    text: str
    questions: list[tuple[str, str | None, int]]


_ORDINALS = ('first', 'second', 'third', 'fourth')


def passage(scenes: list[Scene], rng: np.random.Generator) -> Passage:
    """A text about several images with extractive questions, one of them unanswerable.

    A question names its image only if another image of the text has the same subject.
    """
    sentences = [f'in the {_ORDINALS[i]} photo there is {description(scene)} .' for i, scene in enumerate(scenes)]
    text = ' '.join(sentences)
    starts = np.cumsum([0, *(len(sentence) + 1 for sentence in sentences)])
    questions: dict[str, tuple[str | None, int]] = {}
    for number in rng.integers(len(scenes), size=3):
        thing = _pick(scenes[number], rng)
        by_digit = rng.random() < 0.5
        subject, answer = (thing.word, thing.colour) if by_digit else (thing.colour, thing.word)
        local = sentences[number].index(f' {thing.colour} {thing.word}') + 1
        start = int(starts[number]) + local + (0 if by_digit else len(thing.colour) + 1)
        questions[_ask(scenes, number, subject, by_digit)] = answer, start
    number, by_digit = int(rng.integers(len(scenes))), rng.random() < 0.5
    present = {thing.word if by_digit else thing.colour for thing in scenes[number].things}
    absent = [name for name in (DIGITS if by_digit else COLOURS) if name not in present]
    questions[_ask(scenes, number, absent[rng.integers(len(absent))], by_digit)] = None, 0
    return Passage(text, [(question, *answer_and_start) for question, answer_and_start in questions.items()])


def _ask(scenes: list[Scene], number: int, subject: str, by_digit: bool) -> str:
    """The question for the colour of a digit in an image, or for the digit of a colour."""
    others = [scene for i, scene in enumerate(scenes) if i != number]
    elsewhere = any(subject in (thing.word, thing.colour) for scene in others for thing in scene.things)
    where = f' in the {_ORDINALS[number]} photo' if elsewhere else ''
    return f'what color is the {subject}{where} ?' if by_digit else f'what digit is {subject}{where} ?'


def summary_pair(scenes: list[Scene], rng: np.random.Generator) -> tuple[str, str]:
    """A source text about several images and its headline, which lists the large digits image by image."""
    source = ' '.join(passage(scenes, rng).text.split())
    parts = []
    for number, scene in enumerate(scenes):
        large = [thing for thing in scene.things if thing.size == 'large']
        shown = ' and '.join(f'{thing.colour} {thing.word}' for thing in large) or 'nothing large'
        parts.append(f'{_ORDINALS[number]} {shown}')
    return source, ' , '.join(parts)


def vocabulary_words() -> list[str]:
    """Every word of the benchmark's texts."""
    words = (
        'a the at of to in on from and while that there is are photo video digit digits what which where how many color does '
        'do move left right top bottom middle small large or nothing yes no first second third fourth , . ?'
    )
    words = [*words.split(), *COUNTS, *VERBS, 'still', *SYNONYMS.values(), *SIZES, *COLOURS, *DIGITS, *DIRECTIONS, *SPEEDS]
    return list(dict.fromkeys(words))
