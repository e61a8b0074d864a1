"""Detectors of mmdet for callers: inputs through the config's test pipeline, boxes and masks in pixels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from mmengine.dataset import pseudo_collate

from ..config.load import type_name
from ..registry import DATASETS, TRANSFORMS, class_of
from .inputs import Media

if TYPE_CHECKING:
    from mmdet.models.detectors import BaseDetector


class DetectionPipeline:
    """How the images of a detector are made: a test pipeline without the steps that read files and annotations."""

    def __init__(self, pipeline: Sequence[Mapping[str, Any]]) -> None:
        steps = [step for step in pipeline if not type_name(step).startswith('Load') and type_name(step) != 'PadUnseen']
        self.steps = [TRANSFORMS.build(step) for step in steps]

    def prepare(self, media: Media) -> dict[str, Any]:
        """Read one image.

        Raises:
            BadSampleError: it cannot be read. ValueError: it is a clip.
        """
        if media.kind != 'image':
            raise ValueError('the model reads images, and this is a video')
        pixels = np.ascontiguousarray(media.read(1)[0][..., ::-1])  # blue first, as mmdet reads files
        shape = pixels.shape[:2]
        results: dict[str, Any] = dict(img=pixels, img_shape=shape, ori_shape=shape, img_id=0, img_path=media.source)
        for step in self.steps:
            results = step(results)
        return results


class Detector:
    """A detector and how its images are made.

    Args:
        model: of mmdet, with weights. cfg: its config, of which the test pipeline is taken and the names of the classes.
    """

    def __init__(self, model: BaseDetector, cfg: Mapping[str, Any]) -> None:
        self.model = model.eval()
        dataset = (cfg.get('test_dataloader') or cfg['val_dataloader'])['dataset']
        self.pipeline = DetectionPipeline(dataset['pipeline'])
        self.class_names: Sequence[str] | None = (dataset.get('metainfo') or {}).get('classes')
        kind = class_of(dataset, DATASETS)
        if self.class_names is None and hasattr(kind, 'read_classes'):
            self.class_names = kind.read_classes(dataset)
        if self.class_names is None:
            self.class_names = kind.METAINFO.get('classes')

    @torch.inference_mode()
    def predict(self, packed: list[dict[str, Any]], threshold: float, with_masks: bool) -> list[dict[str, Any]]:
        """Boxes that score at least `threshold`, the best first, as fields of `Result`."""
        outcomes = []
        for sample in self.model.test_step(pseudo_collate(packed)):
            instances = sample.pred_instances
            instances = instances[instances.scores >= threshold].cpu()
            instances = instances[instances.scores.argsort(descending=True)]
            fields = dict(
                boxes=[tuple(box) for box in instances.bboxes.tolist()],
                scores=instances.scores.tolist(),
                labels=[self.class_names[label] if self.class_names else str(label) for label in instances.labels.tolist()],
            )
            outcomes.append(fields | ({'masks': list(instances.masks.numpy())} if with_masks else {}))
        return outcomes
