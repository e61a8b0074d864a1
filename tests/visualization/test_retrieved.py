"""The page of retrieval: each text with what was found for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from mplug2 import registry
from mplug2.config.load import load_config
from mplug2.registry import resolve
from mplug2.visualization import draw_retrieved, retrieved_by_text


@pytest.fixture
def ranked(monkeypatch: pytest.MonkeyPatch, mini_home: Path) -> tuple:
    """The data, and queries of which text n finds the images n + 1, n, n - 1, ... (n + 1 is wrong)."""
    monkeypatch.chdir(mini_home)
    cfg = load_config('mini/image_text_retrieval')
    dataset = registry.DATASETS.build(resolve(cfg.test_dataloader.dataset | dict(pipeline=[]), registry.DATASETS))
    media = [dataset.record(index) for index in range(len(dataset))]
    ids = [record['sample_id'] for record in media]
    owners = [place for place, record in enumerate(media) for _ in record['captions']]
    best = [[ids[(owner + 1 - step) % len(ids)] for step in range(min(10, len(ids)))] for owner in owners]
    queries = [dict(direction='text_to_image', query=number, best=one) for number, one in enumerate(best)]
    return dataset, media, [*(dict(direction='image_to_text', query=name, best=[0]) for name in ids), *queries]


def test_texts_meet_what_was_found(ranked: tuple) -> None:
    dataset, media, queries = ranked
    shown = retrieved_by_text(dataset, queries)
    assert [one['text'] for one in shown] == [text for record in media for text in record['captions']]
    assert {query['rank'] for query in shown} == {2}
    assert [item['right'] for item in shown[0]['media']][:2] == [False, True]
    assert [item['path'] for item in shown[0]['media']][:2] == [media[1]['path'], media[0]['path']]
    queries[len(media)]['best'] = queries[len(media)]['best'][:1]
    assert retrieved_by_text(dataset, queries)[0]['rank'] is None


def test_what_was_skipped_is_not_missed(ranked: tuple) -> None:
    """The first image could not be read: its texts were not searched for."""
    dataset, media, queries = ranked
    count = len(media[0]['captions'])
    left = [query | dict(query=number) for number, query in enumerate(queries[len(media) + count :])]
    shown = retrieved_by_text(dataset, [*queries[1 : len(media)], *left])
    assert [one['text'] for one in shown] == [text for record in media[1:] for text in record['captions']]


def test_queries_of_other_data_are_refused(ranked: tuple) -> None:
    dataset, _, queries = ranked
    with pytest.raises(KeyError, match='texts searched, but the data have'):
        retrieved_by_text(dataset, queries[:-1])


def test_page_is_drawn(ranked: tuple, tmp_path: Path) -> None:
    dataset, _, queries = ranked
    page = draw_retrieved(retrieved_by_text(dataset, queries)[:3], tmp_path / 'new' / 'page.png')
    assert page.read_bytes().startswith(b'\x89PNG')
