"""Pairs and windows: types, offsets, spans, and that no token of a long text is lost."""

import random

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mplug2.datasets.collate import multimodal_collate
from mplug2.datasets.io.bad_samples import BadSampleError
from mplug2.datasets.transforms import AnswerWindows, PackInputs, TokenizePair
from mplug2.text import BertTokenizer

TOKENIZER = BertTokenizer('mini', policy='bert_pair')
CONTEXT = 'In the first photo there is a small Red three. In the second photo, a large blue four and a green nine.'


def sample(answer: str | None = None, test_mode: bool = False, context: str = CONTEXT) -> dict:
    found = dict(sample_id='q', media='text', question='what is red ?', context=context, test_mode=test_mode)
    if answer is None:
        return found | dict(answers=[], answer_starts=[])
    return found | dict(answers=[answer], answer_starts=[context.index(answer)])


def test_pairs_with_instruction_and_cut():
    results = dict(media='text', sentence1='the five is black', sentence2='a red one and a blue two', test_mode=False)
    pair = TokenizePair(TOKENIZER, 'sentence1', 'sentence2', instruction='classification', max_length=12).transform(results)[
        'text'
    ]
    assert pair == TOKENIZER.encode_pair('classify the text . the five is black', 'a red one and a blue two', 12)
    assert len(pair.ids) == 12
    alone = TokenizePair(TOKENIZER, 'sentence2').transform(results)['text']
    assert TOKENIZER.decode(alone.ids) == 'a red one and a blue two'
    assert set(alone.token_type_ids) == {0}
    with pytest.raises(KeyError, match="has no 'premise'"):
        TokenizePair(TOKENIZER, 'premise').transform(results)


def text_of(window, place):
    return CONTEXT[place[0] : place[1]]


@pytest.mark.parametrize('answer', ['Red', 'three', 'blue four', 'nine'])
def test_a_span_is_the_answer_in_the_original_text(answer):
    windows = AnswerWindows(TOKENIZER, max_length=96, stride=32)
    results = windows.transform(sample(answer))
    (window,) = results['text']
    first, last = results['span']
    _, (places,) = windows.split('what is red ?', CONTEXT)
    assert CONTEXT[places[first][0] : places[last][1]] == answer
    assert window.token_type_ids[first] == 1


def test_an_answer_within_a_word_takes_the_whole_token():
    results = AnswerWindows(TOKENIZER, max_length=96).transform(sample('hre'))
    first, last = results['span']
    assert first == last > 0


def test_no_answer_and_an_answer_cut_off_point_to_the_class_token():
    assert AnswerWindows(TOKENIZER).transform(sample())['span'].tolist() == [0, 0]
    windows = AnswerWindows(TOKENIZER, max_length=20, stride=8)
    random.seed(0)
    seen = {tuple(windows.transform(sample('nine'))['span'].tolist()) for _ in range(60)}
    assert (0, 0) in seen  # windows before it
    assert len(seen) > 1  # and one that holds it


@settings(deadline=None, max_examples=60)
@given(words=st.integers(1, 90), max_length=st.integers(14, 60), stride=st.integers(1, 20))
def test_windows_cover_every_token_in_order(words, max_length, stride):
    context = ' '.join([['red', 'blue', 'four', 'a', 'nine'][place % 5] for place in range(words)])
    question = 'what is red ?'
    transform = AnswerWindows(TOKENIZER, max_length=max_length, stride=stride)
    room = max_length - len(TOKENIZER.encode_pair(question, '').ids)
    if stride > room and words > room:
        with pytest.raises(ValueError, match='would leave some out'):
            transform.split(question, context)
        return
    windows, places = transform.split(question, context)
    whole = TOKENIZER.encode_pair(question, context)
    start = len(TOKENIZER.encode_pair(question).ids)
    seen = []
    for number, (window, place) in enumerate(zip(windows, places, strict=True)):
        assert len(window.ids) == len(window.token_type_ids) == len(window.offsets) == len(place) <= max_length
        assert window.ids[:start] == whole.ids[:start]
        assert window.ids[-1] == TOKENIZER.sep_id
        inside = [span for span in place if span is not None]
        assert inside == whole.offsets[start + number * stride : start + number * stride + len(inside)]
        seen += inside
    assert set(seen) == set(whole.offsets[start:-1])


def test_long_questions_are_cut():
    windows, places = AnswerWindows(TOKENIZER, max_question=3).split('what digit is red ?', 'the nine')
    assert TOKENIZER.decode(windows[0].ids[1:]) == 'what digit is'
    assert windows[0].token_type_ids == [0, 0, 0, 0, 0, 1, 1, 1]
    assert places[0] == [None] * 5 + [(0, 3), (4, 8)] + [None]


def test_a_text_without_tokens_is_refused():
    with pytest.raises(BadSampleError, match='has no token'):
        AnswerWindows(TOKENIZER).split('what ?', ' ')


def test_windows_of_a_batch_lie_below_each_other():
    transform = AnswerWindows(TOKENIZER, max_length=20, stride=8)
    pack = PackInputs(fields=['windows', 'context'])
    short = sample(test_mode=True, context='a red nine')
    batch = multimodal_collate([pack.transform(transform.transform(one)) for one in (sample(test_mode=True), short)])
    counts = [len(one.windows) for one in batch['data_samples']]
    text = batch['inputs']['text']
    assert counts[0] > 1
    assert counts[1] == 1
    assert text.ids.shape == text.token_type_ids.shape == (sum(counts), 20)
    assert text.mask.sum(1).tolist() == [len(window) for one in batch['data_samples'] for window in one.windows]


def test_a_training_batch_has_a_row_a_sample():
    transform, pack = AnswerWindows(TOKENIZER, max_length=20, stride=8), PackInputs(inputs=['span'])
    batch = multimodal_collate([pack.transform(transform.transform(sample(answer))) for answer in ('nine', None)])
    assert batch['inputs']['text'].ids.shape[0] == 2
    assert batch['inputs']['span'].shape == (2, 2)
    assert batch['inputs']['span'].dtype == torch.int64
