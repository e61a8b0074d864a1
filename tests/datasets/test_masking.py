"""Masked words and broken-off texts."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from mplug2.datasets import TextCorpus
from mplug2.datasets.io.bad_samples import AnnotationError
from mplug2.datasets.sampling.sampler import StreamIndex
from mplug2.datasets.transforms import MaskTokens, SplitPrefix, TokenizeText
from mplug2.text import BertTokenizer

TOKENIZER = BertTokenizer('mini')


@pytest.fixture(autouse=True)
def seeded() -> None:
    random.seed(0)


def sample(ids: list[int], media: str = 'text') -> dict:
    return dict(text=ids, media=media, sample_id=0, test_mode=False)


def test_fifteen_percent_are_masked_as_bert_does() -> None:
    ids = [TOKENIZER.cls_id] + [random.randrange(200, 1000) for _ in range(2000)]
    kinds = {'masked': 0, 'kept': 0, 'other': 0}
    for _ in range(20):
        result = MaskTokens(TOKENIZER)(sample(ids))
        assert len(result['mlm_positions']) == 300
        assert result['mlm_positions'] == sorted(set(result['mlm_positions']))
        assert result['mlm_labels'] == [ids[place] for place in result['mlm_positions']]
        rest = set(range(len(ids))) - set(result['mlm_positions'])
        assert all(result['mlm_ids'][place] == ids[place] for place in rest)
        assert result['text'] == ids
        for place, word in zip(result['mlm_positions'], result['mlm_labels'], strict=True):
            read = result['mlm_ids'][place]
            kinds['masked' if read == TOKENIZER.mask_id else 'kept' if read == word else 'other'] += 1
    # 6,000 draws: a standard deviation is 31 at 80 % and 23 at 10 %.
    assert kinds['masked'] == pytest.approx(4800, abs=130)
    assert kinds['other'] == pytest.approx(600, abs=100)
    assert kinds['kept'] == pytest.approx(600, abs=100)


def test_neither_instruction_nor_special_tokens_are_masked() -> None:
    record = sample([], 'video') | dict(caption='a small red nine')
    record = TokenizeText(TOKENIZER, key='caption', instruction='retrieval')(record)
    length = len(TOKENIZER.pieces('find the video .'))
    mask = MaskTokens(TOKENIZER, instruction='retrieval')
    places = {place for _ in range(200) for place in mask(dict(record))['mlm_positions']}
    assert places == set(range(1 + length, len(record['text'])))  # one of the four words at a time, each at some time
    ended = sample([TOKENIZER.cls_id, 300, TOKENIZER.sep_id])
    assert MaskTokens(TOKENIZER)(ended)['mlm_positions'] == [1]
    assert MaskTokens(TOKENIZER)(sample([TOKENIZER.cls_id]))['mlm_positions'] == []


def test_a_tested_sample_is_always_masked_alike() -> None:
    mask, ids = MaskTokens(TOKENIZER), [TOKENIZER.cls_id, *range(200, 300)]
    tested = [mask(sample(ids) | dict(test_mode=True, sample_id=f'video{number}'))['mlm_ids'] for number in (0, 0, 1)]
    assert tested[0] == tested[1] != tested[2]
    assert mask(sample(ids))['mlm_ids'] != mask(sample(ids))['mlm_ids']


def test_a_text_is_broken_off_once_and_nothing_is_lost() -> None:
    words = list(range(300, 312))
    cuts = set()
    for _ in range(300):
        result = SplitPrefix(TOKENIZER)(sample([TOKENIZER.cls_id, *words]))
        (target,) = result['target']
        instruction = TOKENIZER.pieces('complete the text .')
        assert result['prefix'][: 1 + len(instruction)] == [TOKENIZER.cls_id, *instruction]
        start = result['prefix'][1 + len(instruction) :]
        assert start + target.ids[1:-1] == words
        assert target.ids[-1] == TOKENIZER.sep_id
        assert target.loss_mask == [False] + [True] * (len(target.ids) - 1)
        cuts.add(len(start))
    assert cuts == set(range(1, 12))
    cut = SplitPrefix(TOKENIZER, instruction=None, max_length=3)(sample([TOKENIZER.cls_id, *words, TOKENIZER.sep_id]))
    assert len(cut['target'][0].ids) <= 3
    assert TOKENIZER.sep_id not in cut['prefix']


def test_a_text_that_was_cut_off_does_not_end() -> None:
    for words, ends in ((['dog'] * 5, True), (['dog'] * 50, False)):
        result = TokenizeText(TOKENIZER, key='text', max_length=20)(dict(text=' '.join(words), media='text', sample_id=0))
        assert (SplitPrefix(TOKENIZER)(result)['target'][0].ids[-1] == TOKENIZER.sep_id) == ends


def test_a_start_has_no_more_tokens_than_positions() -> None:
    """A row of 512 tokens of one document, with the instruction before it."""
    row = [TOKENIZER.cls_id, *(200 + place for place in range(511))]
    instruction, lengths = TOKENIZER.pieces('complete the text .'), set()
    for _ in range(500):
        result = SplitPrefix(TOKENIZER, packed=True)(sample(row))
        words = result['prefix'][1 + len(instruction) :]
        assert result['prefix'][: 1 + len(instruction)] == [TOKENIZER.cls_id, *instruction]
        assert words + result['target'][0].ids[1:] == row[-len(words) - len(result['target'][0].ids) + 1 :]
        lengths.add(len(result['prefix']))
    assert max(lengths) == 512  # and the words just before the break are those that stay
    assert len(SplitPrefix(TOKENIZER, max_prefix=20)(sample(row))['prefix']) <= 20


def test_of_a_packed_row_the_longest_document_is_broken_off() -> None:
    cls, sep = TOKENIZER.cls_id, TOKENIZER.sep_id
    split = SplitPrefix(TOKENIZER, instruction=None, packed=True)
    whole = split(sample([cls, 300, sep, 301, 302, 303, sep, 304, 305]))
    assert whole['prefix'] + whole['target'][0].ids[1:] == [cls, 301, 302, 303, sep]
    cut = split(sample([cls, 300, sep, 301, 302, 303]))
    assert cut['prefix'] + cut['target'][0].ids[1:] == [cls, 301, 302, 303]  # nobody knows whether it ends there


def test_draws_follow_the_place_in_the_stream(tmp_path: Path) -> None:
    file = tmp_path / 'corpus.txt'
    file.write_text('a small red nine moves left\n\n  a large blue two and a small pink one stay still \n')
    corpus = TextCorpus(
        files=str(file),
        pipeline=[
            TokenizeText(TOKENIZER, key='text'),
            MaskTokens(TOKENIZER),
            SplitPrefix(TOKENIZER),
            lambda record: dict(record),
        ],
    )
    assert len(corpus) == 2
    assert corpus.record(1) == dict(
        sample_id=f'{file}:3', media='text', text='a large blue two and a small pink one stay still'
    )
    assert corpus[StreamIndex(1, 5, 40)] == corpus[StreamIndex(1, 5, 40)]
    assert any(
        corpus[StreamIndex(1, 5, 40)]['mlm_positions'] != corpus[StreamIndex(1, 5, place)]['mlm_positions']
        for place in range(5)
    )
    (tmp_path / 'empty.txt').write_text('\n')
    with pytest.raises(AnnotationError, match='no samples in'):
        TextCorpus(files=str(tmp_path / 'empty.txt'))
