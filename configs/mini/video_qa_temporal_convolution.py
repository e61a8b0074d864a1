# Table 15 on the mini benchmark: question answering with temporal convolution in place of local temporal modelling.
from mmengine.config import read_base

from mplug2.modules import TemporalConvolution

with read_base():
    from .video_qa import *

model['network']['vision_encoder'].update(temporal=dict(type=TemporalConvolution))
model['init_cfg'].update(absent=['network.vision_encoder.blocks.*.temporal_*'])  # pre-training had another
