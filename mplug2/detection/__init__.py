"""Detection and instance segmentation: vision encoder and universal layers as a backbone of mmdet's detectors.

Importing it (``custom_imports = dict(imports=['mplug2.detection'])`` in a config of mmdet) makes
``type='mplug2.VisionBackbone'`` known there, and supplies what mmdet needs of a compiled mmcv where there is none.
"""

from .mmcv_ops import install

install()  # before anything imports mmdet.models

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
