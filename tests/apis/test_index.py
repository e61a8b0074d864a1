"""The index: found by text, updated by what changed, parts of clips, approximate search."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from mplug2 import Inferencer
from mplug2.apis import EmbeddingIndex
from mplug2.apis import index as index_module
from mplug2.apis.index import IndexedPart, segments
from mplug2.cli import main
from tests.datasets.media import write_video


@pytest.fixture
def folder(mini_home: Path, tmp_path: Path) -> Path:
    """Three clips, an image and a broken clip."""
    target = tmp_path / 'media'
    target.mkdir()
    for clip in sorted((mini_home / 'data/mini/msrvtt/videos').glob('*.mp4'))[:3]:
        shutil.copy(clip, target)
    shutil.copy(min((mini_home / 'data/mini/coco/val2014').glob('*.jpg')), target / 'image.jpg')
    (target / 'zz_broken.mp4').write_bytes(b'no video')
    return target


def test_an_index_finds_what_a_search_over_the_files_finds(
    model: Inferencer, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = sorted(folder.iterdir())
    monkeypatch.setattr(index_module, 'SHARD_ROWS', 2)
    update = EmbeddingIndex(tmp_path / 'index').update(model, files)
    assert (update.added, update.kept, update.removed, len(update.failed)) == (4, 0, 0, 1)
    assert 'zz_broken.mp4' in update.failed[0].error
    text = model.caption(files[1]).text
    index = EmbeddingIndex(tmp_path / 'index')
    assert index.head['shards'] == ['000000', '000001']
    expected = model.search([str(file) for file in files[:-1]], text)
    results = index.search(model, text)
    assert [result.source for result in results] == [result.source for result in expected]
    assert [result.similarity for result in results] == pytest.approx([result.similarity for result in expected], abs=1e-5)
    reranked = index.search(model, text, top_k=2, rerank=4)
    assert len(reranked) == 2
    best = max(model.match(file, text).score for file in files[:-1])
    assert reranked[0].score == pytest.approx(best, abs=1e-4)


def test_only_what_changed_is_embedded(model: Inferencer, folder: Path, tmp_path: Path) -> None:
    (folder / 'zz_broken.mp4').unlink()
    files = sorted(folder.iterdir())
    index = EmbeddingIndex(tmp_path / 'index')
    index.update(model, files)
    files[0].unlink()
    shutil.copy(files[2], files[1])
    os.utime(files[1], ns=(1, 1))
    shutil.copy(files[2], folder / 'new.mp4')
    update = EmbeddingIndex(tmp_path / 'index').update(model, sorted(folder.iterdir()))
    assert (update.added, update.kept, update.removed) == (2, 2, 2)
    index = EmbeddingIndex(tmp_path / 'index')
    similarity = {Path(result.source).name: result.similarity for result in index.search(model, 'a large red seven')}
    assert set(similarity) == {file.name for file in folder.iterdir()}
    assert len(similarity) == 4
    assert index.update(model, sorted(folder.iterdir()))[:3] == (0, 4, 0)
    with pytest.raises(ValueError, match=r'has segments of None seconds, not 2\.0'):
        index.update(model, [], segment=2.0)
    index.head['weights'] = 'others'
    with pytest.raises(ValueError, match='whose weights differ'):
        index.search(model, 'a large red seven')


def test_parts_of_clips_are_found_with_their_times(model: Inferencer, tmp_path: Path) -> None:
    clip = write_video(tmp_path / 'grey.mp4', frames=34)  # ten a second
    assert segments(str(clip), 1.0) == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.4)]
    assert segments(str(clip), 60.0) == [(0.0, 3.4)]
    index = EmbeddingIndex(tmp_path / 'index')
    assert index.update(model, [clip], segment=1.0).added == 3
    results = index.search(model, 'a large red seven')
    assert sorted(result.times for result in results) == [(0.0, 1.0), (1.0, 2.0), (2.0, 3.4)]
    last = next(result for result in results if result.times[0] == 2.0)
    alone = model.embed(clip, start=2.0, end=3.4).embedding @ model.embed_text('a large red seven').embedding
    assert last.similarity == pytest.approx(float(alone), abs=1e-5)


def test_faiss_finds_the_nearest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip('faiss')
    monkeypatch.setattr(index_module, 'FAISS_FROM', 100)
    rows = np.random.default_rng(0).normal(size=(3000, 128)).astype(np.float32)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    parts = [IndexedPart(f'{number}.mp4', 'video' if number % 2 else 'image', 1, 1) for number in range(3000)]
    index = EmbeddingIndex(tmp_path / 'index')
    index._append(parts[:1000], list(rows[:1000]))
    index._append(parts[1000:], list(rows[1000:]))
    assert index.build_faiss() == ['image', 'video']
    for number in (7, 2001):
        assert index._by_faiss(rows[number], 'video', 3)[0][1].source == f'{number}.mp4'
        similarity, part = index._exactly(rows[number], 'video', 1)[0]
        assert (similarity, part.source) == (pytest.approx(1.0), f'{number}.mp4')
    assert {part.kind for _, part in index._by_faiss(rows[8], 'video', 5)} == {'video'}


def test_the_commands(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    index = str(tmp_path / 'index')
    assert main(['index', str(folder), '--out', index]) == 1  # one is broken
    printed = capsys.readouterr()
    assert '4 rows: 4 added, 0 kept, 0 removed' in printed.out
    assert 'zz_broken.mp4' in printed.err
    assert main(['search', index, 'a red seven moves up', '--top-k', '2']) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert len(lines) == 2
    assert lines[0]['similarity'] >= lines[1]['similarity']
    assert main(['search', str(folder), 'a red seven']) == 1
    assert 'is no index' in capsys.readouterr().err
