import random

from mplug2.datasets.transforms import AddMediaId, ChooseText, TokenizeText, TokenizeTexts
from mplug2.text import BertTokenizer

TOKENIZER = BertTokenizer('mini')


def test_every_text_is_tokenized_as_it_is_alone():
    how = dict(instruction='retrieval', clean='caption', max_words=3, max_length=9)
    captions = ['a large purple five', 'a Red one.']
    found = TokenizeTexts(TOKENIZER, 'captions', **how).transform(dict(captions=captions, media='image'))
    alone = TokenizeText(TOKENIZER, 'caption', **how)
    assert found['texts'] == [alone.transform(dict(caption=text, media='image'))['text'] for text in captions]
    assert TOKENIZER.decode(found['texts'][1]) == 'find the image. a red one'


def test_a_caption_is_drawn_in_training_only():
    random.seed(0)
    choose = ChooseText()
    drawn = {choose.transform(dict(captions=['a', 'b', 'c'], test_mode=False))['caption'] for _ in range(40)}
    assert drawn == {'a', 'b', 'c'}
    assert {choose.transform(dict(captions=['a', 'b'], test_mode=True))['caption'] for _ in range(9)} == {'a'}


def test_identity_is_of_the_file_alone():
    identify = AddMediaId()
    one, again, other = (identify.transform(dict(path=path))['media_id'] for path in ('a/1.jpg', 'a/1.jpg', 'a/2.jpg'))
    assert one == again != other
    assert 0 <= one < 2**63
