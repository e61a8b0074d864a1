"""The page of retrieval: each text with what was found for it, in the metric's own file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mplug2.config import load_config

NAME = 'analysis_tools/retrieval_page'
CONFIG = 'mini/image_text_retrieval'


@pytest.fixture
def ranked(script, monkeypatch: pytest.MonkeyPatch, mini_home: Path) -> tuple:
    """The script, the test's records, and results in which text n finds the pictures n + 1, n, n - 1, ... (n + 1 is wrong)."""
    monkeypatch.chdir(mini_home)
    module = script(NAME)
    cfg = load_config(CONFIG)
    dataset = module.registry.DATASETS.build(cfg.test_dataloader.dataset | dict(pipeline=[]))
    records = [dataset.record(index) for index in range(len(dataset))]
    ids = [record['sample_id'] for record in records]
    owners = [place for place, record in enumerate(records) for _ in record['captions']]
    best = [[ids[(owner + 1 - step) % len(ids)] for step in range(min(10, len(ids)))] for owner in owners]
    found = dict(text_to_image=[dict(query=number, best=one) for number, one in enumerate(best)], image_to_text=[])
    return module, records, found


def test_texts_meet_what_was_found(ranked: tuple) -> None:
    module, records, found = ranked
    shown = module.queries(load_config(CONFIG), found)
    assert [one['text'] for one in shown] == [text for record in records for text in record['captions']]
    assert {one['place'] for one in shown} == {2}
    assert [item['right'] for item in shown[0]['media']][:2] == [False, True]
    assert [item['path'] for item in shown[0]['media']][:2] == [records[1]['path'], records[0]['path']]
    found['text_to_image'][0]['best'] = found['text_to_image'][0]['best'][:1]
    assert module.queries(load_config(CONFIG), found)[0]['place'] is None


def test_results_of_other_data_are_refused(ranked: tuple) -> None:
    module, _, found = ranked
    found['text_to_image'].pop()
    with pytest.raises(KeyError, match='queries were ranked, but the test data have'):
        module.queries(load_config(CONFIG), found)
    with pytest.raises(KeyError, match='no direction text_to_'):
        module.queries(load_config(CONFIG), dict(image_to_text=[]))


def test_page_is_drawn(ranked: tuple, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    module, _, found = ranked
    (tmp_path / 'found.json').write_text(json.dumps(found))
    page = tmp_path / 'new' / 'page.png'
    monkeypatch.setattr('sys.argv', ['x', CONFIG, str(tmp_path / 'found.json'), str(page), '--queries', '3'])
    module.main()
    assert page.read_bytes().startswith(b'\x89PNG')
