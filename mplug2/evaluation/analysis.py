"""Which classes are mistaken for which: counts over predictions whose answers are names of classes."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import numpy as np

OTHERS = '(others)'


class ClassResult(NamedTuple):
    """name. count: samples of the class. recall, precision: shares, None where nothing was counted. f1: their harmonic mean.
    mistaken_for: the class that its other samples were given most often, and how often; None if there are none."""

    name: str
    count: int
    recall: float | None
    precision: float | None
    f1: float
    mistaken_for: tuple[str, int] | None


def confusion_matrix(counts: Counter, most: int = 20) -> tuple[list[str], np.ndarray]:
    """Names of the classes, most frequent first, and counts (K, K): a row for each expected class, a column for each predicted.

    Args:
        counts: (expected, predicted) -> how often. most: classes that are shown; the rest is one, the last.
    """
    totals: Counter = Counter()
    for (expected, predicted), count in counts.items():
        totals[expected] += count
        totals[predicted] += 0
    names = sorted(totals, key=lambda name: (-totals[name], name))
    if len(names) > most:
        names = [*names[: most - 1], OTHERS]
    row = {name: number for number, name in enumerate(names)}
    matrix = np.zeros((len(names), len(names)), int)
    for (expected, predicted), count in counts.items():
        matrix[row.get(expected, len(names) - 1), row.get(predicted, len(names) - 1)] += count
    return names, matrix


def class_results(counts: Counter) -> list[ClassResult]:
    """Of each class that is expected or predicted, most frequent first."""
    expected, predicted = Counter(), Counter()
    wrong: dict[str, Counter] = {}
    for (right, guess), count in counts.items():
        expected[right] += count
        predicted[guess] += count
        if right != guess:
            wrong.setdefault(right, Counter())[guess] += count
    results = []
    for name in sorted(expected | predicted, key=lambda name: (-expected[name], name)):
        hits = counts[name, name]
        recall = hits / expected[name] if expected[name] else None
        precision = hits / predicted[name] if predicted[name] else None
        f1 = 2 * hits / (expected[name] + predicted[name])
        mistaken_for = min(wrong[name].items(), key=lambda pair: (-pair[1], pair[0])) if name in wrong else None
        results.append(ClassResult(name, expected[name], recall, precision, f1, mistaken_for))
    return results
