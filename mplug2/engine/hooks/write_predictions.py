"""Predictions of a test as a file of JSON lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmengine.dist import collect_results
from mmengine.hooks import Hook

from ...evaluation.predictions import line_of, line_of_query
from ...registry import HOOKS
from ...utils.files import write_text


@HOOKS.register_module()
class WritePredictions(Hook):
    """Writes every sample of a test with its prediction, its reference and its own scores (`evaluation.predictions`).

    Of a retrieval loop it writes the queries, each with the ids of what was found first. The file appears when it is whole.

    Args:
        file: where they go.
    """

    def __init__(self, file: str) -> None:
        self.file = Path(file)
        self._lines: list[str] = []

    def before_test_epoch(self, runner: Any) -> None:
        self._lines = []

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        metrics = runner.test_loop.evaluator.metrics
        self._lines += [line_of(sample.to_dict(), metrics) for sample in outputs]

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        queries = getattr(runner.test_loop, 'queries', None)
        if queries is None:
            lines = collect_results(self._lines, len(runner.test_loop.dataloader.dataset), 'cpu')
        else:
            lines = list(map(line_of_query, queries))  # every process has them all
        if runner.rank == 0:
            write_text(self.file, ''.join(f'{line}\n' for line in lines))
            runner.logger.info(f'{len(lines)} predictions: {self.file}')
