# Boxes and masks of digits by a network of 3 MB, so that the package can hold its weights (`mplug2_tiny_detection`).
from mmengine.config import read_base

from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .detection import *

model['backbone'].update(
    init_cfg=dict(type=MPlug2Weights, source='work_dirs/mini/image_classification', parts=['vision_encoder', 'universal'])
)
channels = 32
model['neck'].update(out_channels=channels)
model['rpn_head'].update(in_channels=channels, feat_channels=channels)
model['roi_head']['bbox_roi_extractor'].update(out_channels=channels)
model['roi_head']['mask_roi_extractor'].update(out_channels=channels)
narrow = dict(in_channels=channels, conv_out_channels=channels, fc_out_channels=64)
model['roi_head'].update(bbox_head=[dict(stage, **narrow) for stage in model['roi_head']['bbox_head']])
model['roi_head']['mask_head'].update(in_channels=channels, conv_out_channels=channels)
