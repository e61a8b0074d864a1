"""Chance levels: scores of guesses on a config's test data, by the config's own metrics.

- ``majority``: for every question, its most frequent training answer (for a new question, that of all questions);
- ``sampled``: the caption, the summary or the box of a random training sample;
- ``ranking``: galleries in random order;
- ``class``: the most frequent class in training;
- ``none``: no guess (detection without the image finds nothing).
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from math import comb

from mmengine.config import Config

from mplug2 import registry
from mplug2.registry import resolve


def chance(cfg: Config, kind: str, metrics: tuple[str, ...]) -> dict[str, float]:
    """Scores of guesses by metric.

    Args:
        cfg: of the row. kind: of guess. metrics: names to report; metrics without a value for guesses are left out.
    """
    if kind == 'none':
        return {}
    test = _records(cfg.test_dataloader.dataset)
    if kind == 'ranking':
        sizes = [len(record['captions']) for record in test]
        return {metric: _random_recall(metric, sizes) for metric in metrics}
    train = _records(cfg.train_dataloader.dataset)
    guesses = {'majority': _majority, 'class': _common_class}.get(kind, _sampled)(train, test)
    scores: dict[str, float] = {}
    evaluators = cfg.test_evaluator if isinstance(cfg.test_evaluator, list) else [cfg.test_evaluator]
    for evaluator in evaluators:
        metric = registry.METRICS.build(resolve(evaluator, registry.METRICS))
        metric.process(None, guesses)
        prefix = f'{metric.prefix}/' if metric.prefix else ''
        scores |= {f'{prefix}{key}': value for key, value in metric.compute_metrics(metric.results).items()}
    return {metric: float(scores[metric]) for metric in metrics if metric in scores}


def _records(dataset: dict) -> list[dict]:
    if 'sources' in dataset:  # interleaved; the first is that of the tested task
        dataset = next(iter(dataset['sources'].values()))['dataset']
    data = registry.DATASETS.build(resolve(dataset | dict(pipeline=[]), registry.DATASETS))
    return [data.record(index) for index in range(len(data))]


def _majority(train: list[dict], test: list[dict]) -> list[dict]:
    answers: dict[str, Counter] = defaultdict(Counter)
    for record in train:
        answers[record['question']].update(record['answers'] or [''])  # '' means that a text has no answer
    overall = sum(answers.values(), Counter())
    return [record | dict(pred_answer=answers.get(record['question'], overall).most_common(1)[0][0]) for record in test]


def _common_class(train: list[dict], test: list[dict]) -> list[dict]:
    labels = Counter(record['label'] for record in train)
    scores = [float(labels[label]) for label in range(max(labels) + 1)]
    common = labels.most_common(1)[0][0]
    return [record | dict(pred_score=scores, pred_label=common) for record in test]


def _sampled(train: list[dict], test: list[dict]) -> list[dict]:
    rng = random.Random(0)
    guesses = []
    for record in test:
        sample = rng.choice(train)
        if 'boxes' in record:  # in pixels; all images have one size
            guesses.append(record | dict(box=record['boxes'][0], pred_box=sample['boxes'][0]))
        elif 'summaries' in record:
            guesses.append(record | dict(pred_summary=sample['summaries'][0]))
        else:
            guesses.append(record | dict(pred_caption=rng.choice(sample['captions'])))
    return guesses


def _random_recall(metric: str, sizes: list[int]) -> float:
    """Percent of queries with a right item among the first k of a random order.

    Args:
        metric: ``text_to_image_R@5``, ... sizes: captions of each image or clip.
    """
    direction, _, k = metric.removeprefix('dual_').rpartition('_R@')
    if direction.startswith('text_to_'):
        return 100 * min(1.0, int(k) / len(sizes))
    texts = sum(sizes)
    missed = [comb(texts - size, int(k)) / comb(texts, int(k)) for size in sizes]
    return 100 * (1 - sum(missed) / len(missed))
