"""Predictions of a validation in the run's logger."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from PIL import Image

from ...registry import HOOKS


@HOOKS.register_module()
class LogPredictions(Hook):
    """Draws the first predictions of each validation beside what was expected, as ``val/predictions`` of the run's logger.

    Predictions of texts alone, and those of a retrieval loop, are not drawn.

    Args:
        count: how many samples.
    """

    priority = 'LOWEST'  # the metrics are in the log before

    def __init__(self, count: int = 8) -> None:
        self.count = count
        self._samples: list = []

    def before_val_epoch(self, runner: Any) -> None:
        self._samples = []

    def after_val_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        self._samples.extend((outputs or [])[: max(0, self.count - len(self._samples))])

    def after_val_epoch(self, runner: Any, metrics: dict[str, float] | None = None) -> None:
        if is_main_process():
            try:
                self._log(runner)
            except Exception:  # whatever it is, the training goes on
                runner.logger.exception('the predictions could not be drawn')

    def _log(self, runner: Any) -> None:
        dataset = runner.val_loop.dataloader.dataset
        classes = getattr(dataset, 'metainfo', {}).get('classes')
        samples = [sample.to_dict() for sample in self._samples]
        if samples and all('pred_instances' in sample for sample in samples):
            for number, sample in enumerate(samples):
                runner.visualizer.add_image(f'val/predictions_{number}', _objects(sample, classes), step=runner.iter)
            return
        from ...visualization import draw_predictions, is_shown

        samples = [sample for sample in samples if is_shown(sample) and 'path' in sample]
        if samples:
            with tempfile.TemporaryDirectory() as folder:
                sheet = draw_predictions(samples, Path(folder) / 'predictions.png', classes=classes)
                pixels = np.asarray(Image.open(sheet).convert('RGB'))
            runner.visualizer.add_image('val/predictions', pixels, step=runner.iter)


def _objects(sample: dict, classes: Any) -> np.ndarray:
    """An image with its detected objects, of which the model is fairly sure."""
    from types import SimpleNamespace

    from ...datasets.io.image import read_image
    from ...visualization.results import draw_result

    instances = sample['pred_instances']
    instances = instances[instances['scores'] >= 0.3].cpu()
    labels = [classes[label] if classes else str(label) for label in instances['labels'].tolist()]
    result = SimpleNamespace(boxes=instances['bboxes'].tolist(), labels=labels, scores=instances['scores'].tolist(), masks=[])
    for name in ('text', 'prompt', 'score'):
        setattr(result, name, None)
    return np.asarray(draw_result(result, read_image(sample['img_path'])[None]))
