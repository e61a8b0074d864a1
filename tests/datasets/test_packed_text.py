"""Text packed to length."""

import io
import json

import numpy as np
import pytest

from mplug2.datasets import AnnotationError, BadSampleError, PackedText, multimodal_collate
from mplug2.datasets.shards.packed_text import DESCRIPTION, Packer, describe_packing, row_bytes
from mplug2.datasets.transforms import PackInputs
from mplug2.text import BertTokenizer

from .shards import write_shard

TOKENIZER = BertTokenizer('mini')


class Letters:
    """A tokenizer whose ids are those of letters, so that rows can be read."""

    cls_id, sep_id = ord('^'), ord('|')

    def pieces(self, text: str) -> list[int]:
        return [ord(letter) for letter in text]


def rows_of(documents: list[str], length: int, rest: str = '') -> list[str]:
    packer = Packer(Letters(), length, [ord(letter) for letter in rest])
    rows = [row for document in documents for row in packer.add(document)] + packer.finish()
    return [''.join(map(chr, row)) for row in rows]


def test_rows_are_full_and_hold_every_token_once():
    assert rows_of(['abcdefg', 'hi', '', 'jklm'], 5) == ['^abcd', '^efg|', '^hi|j', '^klm|']
    assert rows_of(['abc', 'd'], 5) == ['^abc|', '^d|']
    assert rows_of([], 5) == []
    assert rows_of(['cd'], 4, rest='ab') == ['^abc', '^d|']
    documents = ['a' * 100, 'b' * 3, 'c' * 57]
    rows = rows_of(documents, 9)
    assert ''.join(row[1:] for row in rows) == ''.join(f'{document}|' for document in documents)
    assert {len(row) for row in rows[:-1]} == {9}
    with pytest.raises(ValueError, match='rows of 1 tokens have no room'):
        Packer(Letters(), 1)


def test_a_stopped_packer_goes_on():
    documents = ['abcdefgh', 'ij', 'klmnopqrstu', 'v']
    for stop in range(5):
        first = Packer(Letters(), 6)
        rows = [row for document in documents[:stop] for row in first.add(document)]
        second = Packer(Letters(), 6, first.rest)
        rows += [row for document in documents[stop:] for row in second.add(document)] + second.finish()
        assert [''.join(map(chr, row)) for row in rows] == rows_of(documents, 6)


@pytest.fixture
def shards(tmp_path):
    packer = Packer(TOKENIZER, 8)
    documents = ['a small purple two and a small red eight', 'a large green nine', 'one red zero']
    rows = [row for document in documents for row in packer.add(document)] + packer.finish()
    write_shard(tmp_path / 'text.tar', [{'npy': row_bytes(row, TOKENIZER.vocab_size)} for row in rows])
    (tmp_path / DESCRIPTION).write_text(json.dumps(describe_packing(TOKENIZER, 8)))
    return tmp_path, rows


def test_rows_come_back_from_shards(shards):
    folder, rows = shards
    dataset = PackedText(str(folder), TOKENIZER, pipeline=[PackInputs()])
    assert dataset.length == 8
    batch = multimodal_collate([dataset[number] for number in range(len(dataset))])
    text = batch['inputs']['text']
    assert [ids[mask].tolist() for ids, mask in zip(text.ids, text.mask, strict=True)] == rows
    assert batch['data_samples'][0].media == 'text'
    assert TOKENIZER.decode(rows[0]) == 'a small purple two and a small'


def test_rows_of_another_vocabulary_are_refused(shards, tmp_path):
    folder, _ = shards
    with pytest.raises(
        AnnotationError, match=r'packed with another vocabulary \(1,000 entries\) than this tokenizer has \(30,522'
    ):
        PackedText(str(folder), dict(type=BertTokenizer))
    (folder / DESCRIPTION).unlink()
    with pytest.raises(AnnotationError, match=r'packing\.json is missing'):
        PackedText(str(folder), TOKENIZER)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', 'cut off or none'),
        (row_bytes([2, 5], 10)[:-1], 'cut off or none'),
        (row_bytes([2, 5000], 10), 'no row of token ids below 1000'),
        (row_bytes([], 10), 'no row of token ids'),
    ],
)
def test_bad_rows(tmp_path, content, message):
    write_shard(tmp_path / 'text.tar', [{'npy': content}])
    (tmp_path / DESCRIPTION).write_text(json.dumps(describe_packing(TOKENIZER, 8)))
    with pytest.raises(BadSampleError, match=message):
        PackedText(str(tmp_path), TOKENIZER)[0]


def test_ids_take_two_bytes_where_they_fit():
    small, large = (np.load(io.BytesIO(row_bytes([70_000 % size, 3], size))) for size in (30_522, 250_000))
    assert (small.dtype, large.dtype) == (np.uint16, np.uint32)
    assert large.tolist() == [70_000, 3]
