"""What the metrics share."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from mmengine.evaluator import BaseMetric

from ..utils.files import write_text


class Metric(BaseMetric):
    """A metric over data samples that come as dicts, with results under bare names (or ``prefix/name`` if given).

    Distributed runs: samplers give rank r the samples r, r + ranks, ... and repeat the first ones to fill the last round.
    MMEngine interleaves the results of the ranks and cuts them at the data set's length, which removes exactly the
    repeated ones, provided that `process` appends one result a sample and none of them is None.
    """

    default_prefix = ''  # None would make MMEngine warn
    # Patterns of all names that its results can have, without prefix, so that what the best checkpoint goes by is checked
    # before training; None: not known beforehand.
    result_names: tuple[str, ...] | None = None


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
    """The mean; 0 of nothing."""
    return sum(values) / len(values) if values else 0.0


def percent(values: list[float]) -> float:
    """The mean of shares, in percent."""
    return 100.0 * mean(values)
