"""Top-k accuracy against mmaction2's, and the robustness table by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from mplug2.evaluation import ClassificationMetric, RobustnessMetric


def evaluate(metric, samples: list[dict]) -> dict[str, float]:
    metric.process(None, samples)
    return metric.evaluate(len(samples))


def test_agrees_with_mmaction2() -> None:
    from mmaction.evaluation import AccMetric

    generator = np.random.default_rng(0)
    samples = []
    for _ in range(60):
        label = int(generator.integers(9))
        scores = torch.tensor(generator.random(9), dtype=torch.float32)
        samples.append(dict(pred_score=scores, label=label, gt_label=torch.tensor([label])))
    theirs = evaluate(AccMetric(), samples)
    ours = evaluate(ClassificationMetric(), samples)
    assert ours == pytest.approx({'top1': 100 * theirs['acc/top1'], 'top5': 100 * theirs['acc/top5']})


def test_any_of_several_labels_is_right() -> None:
    scores = torch.tensor([0.1, 0.5, 0.4])
    samples = [dict(pred_score=scores, labels=[1, 2]), dict(pred_score=scores, labels=[0, 2])]
    assert evaluate(ClassificationMetric(topk=(1, 2)), samples) == {'top1': 50.0, 'top2': 100.0}
    with pytest.raises(KeyError, match="ClassificationMetric needs 'label'"):
        evaluate(ClassificationMetric(), [dict(pred_score=scores)])


def test_a_variant_of_some_classes_is_chosen_from_these() -> None:
    metric = RobustnessMetric()
    metric.dataset_meta = dict(candidates={'IN-A': [0, 2]})
    scores = torch.tensor([0.1, 0.5, 0.4])
    samples = [dict(pred_score=scores, labels=[2], variant=variant) for variant in ('IN-1K', 'IN-A')]
    assert evaluate(metric, samples) == {'top1/IN-1K': 0.0, 'top1/IN-A': 100.0, 'average': 50.0, 'gap': -50.0}


@pytest.mark.parametrize(
    ('scores', 'average', 'gap'),
    [  # rows of Table 13
        ((87.5, 77.7, 90.5, 70.8, 67.0, 53.7), 74.5, 13.0),
        ((87.8, 79.2, 90.3, 76.7, 66.5, 50.9), 75.2, 12.6),
        ((88.4, 80.5, 90.6, 84.8, 74.7, 47.6), 77.8, 10.6),
    ],
)
def test_average_and_gap_are_those_of_the_table(scores: tuple[float, ...], average: float, gap: float) -> None:
    metric = RobustnessMetric()
    samples = []
    for name, score in zip(('IN-1K', 'IN-V2', 'IN-ReaL', 'IN-A', 'IN-R', 'IN-Sketch'), scores, strict=True):
        for number in range(1000):
            right = number < 10 * score
            samples.append(dict(pred_score=torch.tensor([1.0, 0.0]), labels=[0 if right else 1], variant=name))
    found = evaluate(metric, samples)
    assert found['average'] == pytest.approx(average, abs=0.06)
    assert found['gap'] == pytest.approx(gap, abs=0.06)
    with pytest.raises(KeyError, match="no sample of 'IN-1K'"):
        evaluate(RobustnessMetric(), [dict(pred_score=torch.zeros(2), labels=[0], variant='IN-A')])
