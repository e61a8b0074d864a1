"""What the metrics share."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric

from ..utils.files import write_text


class Metric(BaseMetric):
    """A metric over data samples, which are dicts; results have plain names, or ``prefix/name`` with a prefix.

    Distributed runs: samplers give rank r the samples r, r + world size, ... and repeat the first ones to fill the last round.
    MMEngine interleaves the results of the ranks and cuts them at the data set's length, which removes exactly the
    repeated ones, provided that `process` appends one result a sample and none of them is None.
    """

    default_prefix = ''  # None would make MMEngine warn
    # Patterns of all names that its results can have, without prefix, so that what the best checkpoint goes by is checked
    # before training; None: not known beforehand.
    result_names: tuple[str, ...] | None = None
    references: tuple[str, ...] = ()  # fields of a sample with what is right, of which it has one or more
    per_sample = False  # whether the scores of one sample by itself mean something

    def is_labelled(self, sample: dict) -> bool:
        """Whether a sample says what is right, as those of a secret test split do not."""
        values = [sample.get(name) for name in self.references]
        return not values or any(value is not None and value != [] for value in values)

    def score_sample(self, sample: dict) -> dict[str, float]:
        """What a sample scores by itself; empty where that means nothing or is not known."""
        if not self.per_sample or not self.is_labelled(sample):
            return {}
        alone = copy.copy(self)
        alone.results, alone.out_file = [], None
        alone.process(None, [sample])
        return {name: value for name, value in alone.compute_metrics(alone.results).items() if '/' not in name}


def field(sample: dict, name: str, metric: Metric) -> Any:
    """A field of a data sample.

    Raises:
        KeyError: names the metric, the sample and the fields it has.
    """
    if name not in sample:
        raise KeyError(
            f'{type(metric).__name__} needs {name!r} in every data sample; sample {sample.get("sample_id")!r} has '
            + (', '.join(sorted(sample)) or 'no field')
        )
    return sample[name]


def write_json(records: Any, path: str | Path) -> None:
    """Write a result file of a benchmark."""
    write_text(path, json.dumps(records))


def write_table(columns: Sequence[str], rows: Iterable[Sequence], path: str | Path) -> None:
    """Write a result file of a benchmark: a header, then a row a line, separated by tabs."""
    write_text(path, ''.join('\t'.join(map(str, row)) + '\n' for row in (columns, *rows)))


def mean(values: list[float]) -> float:
    """The mean; 0 of an empty sequence."""
    return sum(values) / len(values) if values else 0.0


def percent(values: list[float]) -> float:
    """The mean of fractions, in percent."""
    return 100.0 * mean(values)


def write_into(folder: str | Path, evaluator: Any) -> Any:
    """An evaluator's config, with each relative ``out_file`` of its metrics in a folder; a metric that is built stays."""
    if isinstance(evaluator, (list, tuple)):
        return [write_into(folder, metric) for metric in evaluator]
    if not isinstance(evaluator, dict):
        return evaluator
    if 'metrics' in evaluator:
        return dict(evaluator, metrics=write_into(folder, evaluator['metrics']))
    return dict(evaluator, out_file=str(Path(folder, evaluator['out_file']))) if evaluator.get('out_file') else evaluator
