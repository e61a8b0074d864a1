"""Detection and instance segmentation: vision encoder and universal layers as a backbone of mmdet's and mmaction2's models.

Importing it (``custom_imports = dict(imports=['mplug2.detection'])`` in their configs) makes ``type='mplug2.VisionBackbone'``
known there, and supplies what mmdet needs of a compiled mmcv where there is none, and what mmaction2's wheel left out.
"""

from . import mmaction_models, mmcv_ops

mmcv_ops.install()  # before anything imports mmdet.models
mmaction_models.install()

from .backbone import DenseMap, VisionBackbone  # noqa: E402
from .coco import CocoDetection, LoadPixels, PadUnseen  # noqa: E402
from .detector import CascadeMaskRCNN, FullPrecisionHeads  # noqa: E402
from .metric import ClassAgnosticCocoMetric, CocoMetric  # noqa: E402
from .pyramid import ChannelNorm, SimpleFeaturePyramid  # noqa: E402
from .show import ShowDetections  # noqa: E402

__all__ = [
    'CascadeMaskRCNN',
    'ChannelNorm',
    'ClassAgnosticCocoMetric',
    'CocoDetection',
    'CocoMetric',
    'DenseMap',
    'FullPrecisionHeads',
    'LoadPixels',
    'PadUnseen',
    'ShowDetections',
    'SimpleFeaturePyramid',
    'VisionBackbone',
]
