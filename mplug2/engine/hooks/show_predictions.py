"""Predictions of a test as an image or a page."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ...registry import HOOKS


@HOOKS.register_module()
class ShowPredictions(Hook):
    """Shows the first predictions of a test beside what was expected.

    Of images and clips ``predictions.png``, a contact sheet; of texts the page ``predictions.md``; of a retrieval loop
    ``retrieved.png``, queries sampled at random with what was retrieved for them.

    Args:
        folder: where they go. count: how many samples.
    """

    priority = 'LOWEST'  # the metrics are in the log before

    def __init__(self, folder: str, count: int = 16) -> None:
        self.folder = Path(folder)
        self.count = count
        self._samples: list = []

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._samples.extend(outputs[: max(0, self.count - len(self._samples))])

    def after_test_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        if is_main_process():
            try:
                self._show(runner)
            except Exception:  # whatever it is, the metrics of the test are not lost with it
                runner.logger.exception('the predictions could not be shown')

    def _show(self, runner: Any) -> None:
        from ...visualization import draw_predictions, draw_retrieved, is_shown, retrieved_by_text, write_predictions

        dataset, queries = runner.test_loop.dataloader.dataset, getattr(runner.test_loop, 'queries', None)
        samples = [sample for sample in (sample.to_dict() for sample in self._samples) if is_shown(sample)]
        classes = getattr(dataset, 'metainfo', {}).get('classes')
        if queries:
            shown = retrieved_by_text(dataset, queries)
            path = draw_retrieved(random.Random(0).sample(shown, min(self.count, len(shown))), self.folder / 'retrieved.png')
        elif not samples:
            runner.logger.warning('nothing to show: no prediction has a view (mplug2.visualization.register_view)')
            return
        elif all('path' in sample for sample in samples):
            path = draw_predictions(samples, self.folder / 'predictions.png', classes=classes)
        else:
            path = write_predictions(samples, self.folder / 'predictions.md', classes)
        runner.logger.info(f'predictions to look at: {path}')
