import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mplug2.evaluation import ptb_tokens

DATA = Path(__file__).parents[1] / 'data' / 'caption_metrics'


def test_agrees_with_the_java_tokenizer():
    wrong = {}
    for text, tokens in json.loads((DATA / 'ptb_tokens.json').read_text()):
        if ' '.join(ptb_tokens(text)) != tokens:
            wrong[text] = (tokens, ' '.join(ptb_tokens(text)))
    assert not wrong


@pytest.mark.parametrize(
    ('caption', 'tokens'),
    [
        ("A man's dog isn't here, and it can't run.", "a man 's dog is n't here and it ca n't run"),
        ('Two-year-old boy rides a blue-green bike.', 'two-year-old boy rides a blue-green bike'),
        ('He says "cannot" (twice) at 5:30 p.m.', 'he says can not -lrb- twice -rrb- at 5:30 p.m.'),
        ('a cat\nand\ta  dog', 'a cat and a dog'),
        (' . ', ''),
        ('', ''),
    ],
)
def test_hand_worked(caption, tokens):
    assert ' '.join(ptb_tokens(caption)) == tokens


@pytest.mark.slow
@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_gives_words(text):
    for token in ptb_tokens(text):
        assert token
        assert token.split() == [token]


@settings(deadline=None)
@given(st.lists(st.sampled_from(['a', 'dog', 'runs', 'two-year-old', 'red', "'s"]), max_size=8))
def test_tokens_of_plain_words_are_stable(words):
    once = ptb_tokens(' '.join(words))
    assert ptb_tokens(' '.join(once)) == once


def test_a_soft_hyphen_is_no_sign() -> None:
    assert ptb_tokens('tic\u00ads') == ('tics',)
