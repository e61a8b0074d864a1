"""Images of detections, by mmdet's visualizer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from mmdet.visualization import DetLocalVisualizer
from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from ..datasets.io.image import read_image
from ..registry import HOOKS


@HOOKS.register_module()
class ShowDetections(Hook):
    """Draws the first predictions of a test, boxes and masks beside those annotated, one file an image.

    Args:
        folder: where they go. count: how many images. threshold: least score of what is shown.
    """

    priority = 'LOWEST'  # the metrics are in the log before

    def __init__(self, folder: str, count: int = 16, threshold: float = 0.3) -> None:
        self.folder = Path(folder)
        self.count = count
        self.threshold = threshold
        self._visualizer = DetLocalVisualizer()

    def after_test_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        if not is_main_process():
            return
        self._visualizer.dataset_meta = runner.test_loop.dataloader.dataset.metainfo
        for sample in outputs[: max(0, self.count)]:
            self.count -= 1
            name = Path(sample.img_path).stem
            image = read_image(sample.img_path)
            file = self.folder / f'{name}.png'
            file.parent.mkdir(parents=True, exist_ok=True)
            self._visualizer.add_datasample(
                name, image, sample.cpu(), draw_gt='gt_instances' in sample, pred_score_thr=self.threshold, out_file=str(file)
            )
            runner.logger.info(f'image of detections: {file}')
