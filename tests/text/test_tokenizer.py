"""Against transformers' own tokenizer, and the rules of the published weights."""

import pickle

import pytest
import transformers
from transformers import BertTokenizerFast

from mplug2.registry import TOKENIZERS
from mplug2.text import BertTokenizer
from mplug2.text.tokenizer import _VOCABS

TEXTS = [
    'A man is playing the guitar.',
    "the children's t-shirt, do not go! don't",
    'Ünïcödé naïve café — 東京 tower',
    'antidisestablishmentarianism zzzzqqqq \u200b tabs\tand\nlines',
    'x' * 101,
    '',
    'what [SEP] is [MASK] here [unused3] <person>?',
    '3.14 $5 50% a/b',
]


@pytest.fixture(scope='module')
def ours() -> BertTokenizer:
    return BertTokenizer()


@pytest.fixture(scope='module')
def theirs() -> BertTokenizerFast:
    path = str(_VOCABS / 'bert-base-uncased.txt')
    if transformers.__version__ >= '5':  # there the argument vocab_file is ignored
        tokenizer = BertTokenizerFast(vocab=path, do_lower_case=True)
    else:
        tokenizer = BertTokenizerFast(vocab_file=path, do_lower_case=True)
    assert len(tokenizer) == 30522
    return tokenizer


@pytest.mark.parametrize('text', TEXTS)
def test_ids_are_those_of_transformers(ours, theirs, text):
    assert ours.encode(text) == theirs(text).input_ids[:-1]
    assert BertTokenizer(policy='bert_pair').encode(text) == theirs(text).input_ids


@pytest.mark.parametrize('text', TEXTS[:5])
def test_decoding_is_that_of_transformers(ours, theirs, text):
    ids = ours.encode(text)
    expected = theirs.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=True)
    assert ours.decode(ids) == expected


@pytest.mark.parametrize('length', [5, 8, 11, 64])
@pytest.mark.parametrize('pair', [(TEXTS[0], None), (TEXTS[0], TEXTS[1]), (TEXTS[1], TEXTS[0]), ('a', TEXTS[1])])
def test_pairs_are_those_of_transformers(ours, theirs, pair, length):
    expected = theirs(*pair, truncation='longest_first', max_length=length, return_offsets_mapping=True)
    found = ours.encode_pair(*pair, max_length=length)
    assert found.ids == expected['input_ids']
    assert found.token_type_ids == expected['token_type_ids']
    assert found.offsets == expected['offset_mapping']


def test_a_pair_that_cannot_fit(ours):
    with pytest.raises(ValueError, match='max_length=4'):
        ours.encode_pair('a', 'b', max_length=4)


def test_special_ids_and_size(ours):
    assert (ours.pad_id, ours.unk_id, ours.cls_id, ours.sep_id, ours.mask_id) == (0, 100, 101, 102, 103)
    assert ours.vocab_size == len(ours) == 30522
    assert ours.token_id('[unused340]') == 345
    with pytest.raises(KeyError, match='nosuchword'):
        ours.token_id('nosuchword')


def test_targets_learn_neither_start_nor_prompt(ours):
    man, of = ours.pieces('a man'), ours.pieces('a video of')
    assert ours.encode_target('a man') == ([101, *man, 102], [False, True, True, True])
    ids, loss_mask = ours.encode_target('a man', prompt='a video of')
    assert ids == [101, *of, *man, 102]
    assert loss_mask == [False] * 4 + [True] * 3


def test_a_cut_target_does_not_learn_to_stop(ours):
    ids, loss_mask = ours.encode_target('a man walks a dog', max_length=4)
    assert ids == [101, *ours.pieces('a man walks')]
    assert loss_mask == [False, True, True, True]


def test_decoding_stops_at_the_separator(ours):
    ids = [101, *ours.pieces('walking'), 102, *ours.pieces('a dog')]
    assert ours.decode(ids) == 'walking'


def test_pickle_is_small_and_equal(ours):
    stored = pickle.dumps(ours)
    assert len(stored) < 500
    assert pickle.loads(stored).encode(TEXTS[1]) == ours.encode(TEXTS[1])


def test_registered():
    assert TOKENIZERS.build(dict(type='BertTokenizer')).vocab_size == 30522


def test_faulty_vocabularies(tmp_path):
    with pytest.raises(FileNotFoundError, match='bert-base-uncased'):
        BertTokenizer('no-such-vocabulary')
    file = tmp_path / 'words.txt'
    file.write_text('[PAD]\n[UNK]\n[CLS]\n[SEP]\na\n')
    with pytest.raises(ValueError, match=r'words\.txt.*\[MASK\]'):
        BertTokenizer(file)
    file.write_text('[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\na\na\n')
    with pytest.raises(ValueError, match=r"'a' occurs more than once"):
        BertTokenizer(file)
    with pytest.raises(ValueError, match='policy'):
        BertTokenizer(policy='other')
