"""Foreign fast tokenizers, against the calls of transformers, and a DeBERTa that reads what they make."""

import shutil

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from mplug2.text import HuggingFaceTokenizer

TEXTS = ['the cat sat on the mat', 'a dog barks at the cat', 'does it rain ? it does .']


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """DeBERTa's kind of tokenizer: byte-level BPE, [CLS] a [SEP] b [SEP]."""
    transformers = pytest.importorskip('transformers')
    backend = Tokenizer(models.BPE(unk_token='[UNK]'))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ['[PAD]', '[CLS]', '[SEP]', '[UNK]', '[MASK]']
    backend.train_from_iterator(TEXTS, trainers.BpeTrainer(vocab_size=120, special_tokens=special, show_progress=False))
    backend.post_processor = processors.TemplateProcessing(
        single='[CLS] $A [SEP]', pair='[CLS] $A [SEP] $B:1 [SEP]:1', special_tokens=[('[CLS]', 1), ('[SEP]', 2)]
    )
    names = dict(zip(('pad_token', 'cls_token', 'sep_token', 'unk_token', 'mask_token'), special, strict=True))
    path = tmp_path_factory.mktemp('tokenizer')
    transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **names).save_pretrained(path)
    return str(path)


@pytest.mark.parametrize('max_length', [None, 12])
@pytest.mark.parametrize('second', [None, TEXTS[1]])
def test_agrees_with_transformers(folder, second, max_length):
    transformers = pytest.importorskip('transformers')
    ours = HuggingFaceTokenizer(folder)
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    cut = {} if max_length is None else dict(max_length=max_length, truncation='longest_first')
    expected = theirs(TEXTS[0], second, return_offsets_mapping=True, return_token_type_ids=True, **cut)
    pair = ours.encode_pair(TEXTS[0], second, max_length)
    assert len(pair.ids) == len(expected['input_ids'])
    if max_length is None:
        assert pair.ids == expected['input_ids']
        assert pair.offsets == [tuple(place) for place in expected['offset_mapping']]
        assert pair.token_type_ids == expected['token_type_ids']
    assert ours.vocab_size == len(theirs)
    words = ''.join(
        TEXTS[0][start:end] for (start, end), kind in zip(pair.offsets, pair.token_type_ids, strict=True) if kind == 0
    )
    assert TEXTS[0].startswith(words)


def test_a_saved_truncation_and_padding_are_not_obeyed(folder, tmp_path):
    shutil.copytree(folder, tmp_path / 'saved')
    file = str(tmp_path / 'saved/tokenizer.json')
    backend = Tokenizer.from_file(file)
    backend.enable_truncation(4)
    backend.enable_padding(length=60)
    backend.save(file)
    pairs = [HuggingFaceTokenizer(path).encode_pair(TEXTS[0], TEXTS[1]) for path in (folder, str(tmp_path / 'saved'))]
    assert pairs[0] == pairs[1]


def test_no_room(folder):
    with pytest.raises(ValueError, match='max_length=4 leaves no room for 2 texts'):
        HuggingFaceTokenizer(folder).encode_pair('a', 'b', 4)
