import pytest

from mplug2.text import INSTRUCTIONS, BertTokenizer, clean_caption, clean_question, instruction


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
        'image': {'retrieval', 'question_answering', 'captioning', 'grounding', 'classification', 'detection', 'segmentation'},
        'video': {'retrieval', 'question_answering', 'captioning', 'classification'},
        'text': {'classification', 'question_answering', 'summarization', 'completion'},
    }
    assert {(task, media) for media, tasks in rows.items() for task in tasks} == set(INSTRUCTIONS)
    assert len(set(INSTRUCTIONS.values())) == len(INSTRUCTIONS)
    assert instruction('captioning', 'video') == 'describe the video .'
    with pytest.raises(KeyError, match="'captioning' of 'sound'"):
        instruction('captioning', 'sound')


def test_the_small_vocabulary_holds_every_instruction():
    tokenizer = BertTokenizer('mini')
    for text in INSTRUCTIONS.values():
        assert len(tokenizer.encode(text)) == 1 + len(text.split())  # whole words
        assert tokenizer.unk_id not in tokenizer.encode(text)
