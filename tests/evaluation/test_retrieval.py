import json

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mplug2.evaluation import RetrievalMetric, ranks_of_relevant, recall_at_k


def test_ranks_by_hand():
    similarity = torch.tensor([[0.9, 0.1, 0.5], [0.2, 0.8, 0.3], [0.7, 0.6, 0.1]])
    assert ranks_of_relevant(similarity, [[0], [2], [2]]).tolist() == [1, 2, 3]
    # the best of several relevant items counts, and relevant items do not push one another back
    assert ranks_of_relevant(similarity, [[1, 2], [0, 1], [0, 1]]).tolist() == [2, 1, 1]


def test_equal_scores_are_no_success():
    assert ranks_of_relevant(torch.zeros(3, 4), [[0], [1], [3]]).tolist() == [4, 4, 4]


def test_recall_and_ranks_by_hand():
    found = recall_at_k(torch.tensor([1, 2, 5, 11]))
    assert found == pytest.approx({'R@1': 25, 'R@5': 75, 'R@10': 75, 'R@mean': 175 / 3, 'MedR': 3.5, 'MnR': 4.75})


def test_both_directions_with_several_texts_a_clip():
    # texts 0 and 1 describe clip 0, text 2 describes clip 1
    similarity = torch.tensor([[0.9, 0.1], [0.2, 0.6], [0.3, 0.8]])
    clip_of_text, texts_of_clip = [[0], [0], [1]], [[0, 1], [2]]
    to_clip = recall_at_k(ranks_of_relevant(similarity, clip_of_text))
    assert to_clip['R@1'] == pytest.approx(200 / 3)
    assert to_clip['MnR'] == pytest.approx(4 / 3)
    assert recall_at_k(ranks_of_relevant(similarity.T, texts_of_clip))['R@1'] == 100
    back = torch.tensor([[0.0, 0.1, 0.9], [0.0, 0.0, 0.9]])  # re-ranked, so the second direction has scores of its own
    assert recall_at_k(ranks_of_relevant(back, texts_of_clip))['R@1'] == 50


@settings(deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99), st.integers(1, 5))
def test_ranks_equal_a_sort(queries, items, seed, rows):
    generator = torch.Generator().manual_seed(seed)
    similarity = torch.randn(queries, items, generator=generator)
    relevant = torch.randint(items, (queries,), generator=generator).tolist()
    order = similarity.argsort(1, descending=True).tolist()
    expected = [row.index(item) + 1 for row, item in zip(order, relevant, strict=True)]
    assert ranks_of_relevant(similarity, [[item] for item in relevant], rows=rows).tolist() == expected


def test_errors():
    with pytest.raises(ValueError, match='not numbers'):
        ranks_of_relevant(torch.tensor([[float('nan'), 1.0]]), [[0]])
    with pytest.raises(ValueError, match='query 1 has no relevant item'):
        ranks_of_relevant(torch.zeros(2, 2), [[0], []])
    with pytest.raises(ValueError, match=r'2 rows .* 1 queries'):
        ranks_of_relevant(torch.zeros(2, 2), [[0]])


def test_metric_counts_each_direction_before_and_after_reranking(tmp_path):
    metric = RetrievalMetric(out_file=str(tmp_path / 'best.json'))
    records = [
        dict(direction='text_to_video', query=0, rank=1, dual_rank=2, best=['a', 'b']),
        dict(direction='text_to_video', query=1, rank=6, dual_rank=6, best=['b', 'a']),
        dict(direction='video_to_text', query='a', rank=3, dual_rank=1, best=[4, 0]),
    ]
    metric.process(None, records[:2])
    metric.process(None, records[2:])
    found = metric.evaluate(3)
    assert found['text_to_video_R@1'] == 50
    assert found['dual_text_to_video_R@1'] == 0
    assert found['text_to_video_MnR'] == 3.5
    assert found['video_to_text_R@1'] == 0
    assert found['dual_video_to_text_R@1'] == 100
    assert found['R@mean'] == pytest.approx(((50 + 50 + 100) / 3 + 200 / 3) / 2)
    written = json.loads((tmp_path / 'best.json').read_text())
    assert written == {
        'text_to_video': [dict(query=0, best=['a', 'b']), dict(query=1, best=['b', 'a'])],
        'video_to_text': [dict(query='a', best=[4, 0])],
    }
