"""mmdet's Cascade Mask R-CNN, with its heads in full precision."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import torch
from mmdet.models import CascadeRCNN
from torch import Tensor

from ..modules.layers import full_precision
from ..registry import MODELS
from .coco import DIGITS

if TYPE_CHECKING:
    from ..testing.tiny import TinySize


class FullPrecisionHeads:
    """Put before a detector of mmdet: backbone and neck run as autocast says, all else in fp32.

    Boxes need it, and neither mmcv's operators nor mmdet's losses take bf16 everywhere.
    """

    _half: torch.dtype | None = None

    def forward(self, inputs: Tensor, data_samples: list | None = None, mode: str = 'tensor') -> Any:
        """As in mmdet."""
        kind = inputs.device.type
        self._half = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else None
        with full_precision(inputs):
            return super().forward(inputs, data_samples, mode)

    def extract_feat(self, batch_inputs: Tensor) -> tuple[Tensor, ...]:
        """batch_inputs: (B, 3, H, W). Returns the levels of the neck in fp32."""
        with torch.autocast(batch_inputs.device.type, self._half, enabled=self._half is not None):
            levels = super().extract_feat(batch_inputs)
        return tuple(level.float() for level in levels)


@MODELS.register_module()
class CascadeMaskRCNN(FullPrecisionHeads, CascadeRCNN):
    """Cascade Mask R-CNN.

    Args:
        num_classes: of all heads at once (80 for COCO, 1,203 for LVIS), or None for those that the heads' configs name.
        roi_head, others: as in mmdet.
    """

    def __init__(self, *args: Any, roi_head: dict, num_classes: int | None = None, **kwargs: Any) -> None:
        if num_classes is not None:
            roi_head = copy.deepcopy(roi_head)
            for key in ('bbox_head', 'mask_head'):
                heads = roi_head.get(key) or []
                for head in heads if isinstance(heads, (list, tuple)) else [heads]:
                    head['num_classes'] = num_classes
        super().__init__(*args, roi_head=roi_head, **kwargs)

    @classmethod
    def shrink_config(cls, cfg: dict, tiny: TinySize) -> None:
        cfg['num_classes'] = len(DIGITS)
