import pytest

from mplug2.text import (
    BertTokenizer,
    clean_caption,
    clean_question,
    instruction,
    register_instruction,
    registered_instructions,
)
from mplug2.text.instructions import _INSTRUCTIONS


@pytest.mark.parametrize(
    ('text', 'question', 'caption'),
    [
        ('What is the man\'s "T-shirt"?', 'what is the mans t shirt', 'what is the mans t shirt'),
        ('black/white  dog.', 'black white  dog', 'black white dog'),
        ('<PERSON> walks', '<person> walks', 'person walks'),
        ('(one)*#two:three;four~', 'onetwothreefour', 'onetwothreefour'),
        ('  a cat \n', 'a cat', 'a cat'),
        ('50% & more_', '50% & more_', '50% & more_'),
        ('', '', ''),
    ],
)
def test_cleaning(text, question, caption):
    assert clean_question(text) == question
    assert clean_caption(text) == caption


def test_cutting():
    assert clean_question('one two three', max_words=2) == 'one two'
    assert clean_caption('One, two - three four.', max_words=3) == 'one two three'
    assert clean_caption('one two', max_words=2) == 'one two'


def test_instructions_cover_the_table():
    rows = {
        'image': {'retrieval', 'question_answering', 'captioning', 'grounding'},
        'video': {'retrieval', 'question_answering', 'captioning'},
        'text': {'classification', 'question_answering', 'summarization', 'completion'},
    }
    assert {(task, media) for media, tasks in rows.items() for task in tasks} == set(registered_instructions())
    assert len(set(registered_instructions().values())) == len(registered_instructions())
    assert instruction('captioning', 'video') == 'describe the video .'
    with pytest.raises(KeyError, match="'captioning' of 'sound'"):
        instruction('captioning', 'sound')


def test_an_instruction_is_registered_or_given_as_text(monkeypatch):
    monkeypatch.setattr('mplug2.text.instructions._INSTRUCTIONS', dict(_INSTRUCTIONS))
    assert instruction('count the cats .', 'image') == 'count the cats .'
    with pytest.raises(KeyError, match=r"'counting' of 'image'.*register_instruction, or give its text"):
        instruction('counting', 'image')
    with pytest.raises(KeyError, match="did you mean 'captioning'"):
        instruction('captionin', 'image')
    for _ in range(2):  # a module that is imported anew registers the same
        register_instruction('counting', 'image', 'count the cats .')
    assert instruction('counting', 'image') == registered_instructions()['counting', 'image'] == 'count the cats .'
    with pytest.raises(KeyError, match=r"is 'count the cats \.' already"):
        register_instruction('counting', 'image', 'count the dogs .')
    with pytest.raises(ValueError, match='named by an identifier'):
        register_instruction('count the cats', 'image', 'count the cats .')


def test_the_small_vocabulary_holds_every_instruction():
    tokenizer = BertTokenizer('mini')
    for text in registered_instructions().values():
        assert len(tokenizer.encode(text)) == 1 + len(text.split())  # whole words
        assert tokenizer.unk_id not in tokenizer.encode(text)
