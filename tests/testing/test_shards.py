"""Data sets in shards, and their stand-ins of the mini benchmark."""

from __future__ import annotations

from mplug2.datasets import PackedText, ShardedPairs
from mplug2.datasets.stand_ins import MiniBenchmark
from mplug2.datasets.transforms import LoadImage, LoadVideo
from mplug2.text import BertTokenizer


def test_shards_of_the_embedded_benchmark(mini_home) -> None:
    mini = MiniBenchmark(mini_home / 'data' / 'mini')
    images = ShardedPairs(**ShardedPairs.stand_in(mini, {}), pipeline=[LoadImage()])
    assert images[len(images) - 1]['frames'].ndim == 4
    assert len(images[0]['captions']) > 1
    clips = ShardedPairs(**ShardedPairs.stand_in(mini, dict(media='video')), media='video', pipeline=[LoadVideo(2, 'pyav')])
    assert clips[len(clips) - 1]['frames'].shape[0] == 2
    arguments = PackedText.stand_in(mini, {})
    assert arguments.pop('tokenizer') == dict(type='BertTokenizer', vocab='mini')
    rows = PackedText(**arguments, tokenizer=BertTokenizer('mini'))
    assert {len(rows[number]['text']) for number in range(len(rows))} == {24}
    again = ShardedPairs(**ShardedPairs.stand_in(mini, {}))
    assert again.shards == images.shards
