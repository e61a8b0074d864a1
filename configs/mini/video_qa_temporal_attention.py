# Table 15 on the embedded benchmark: question answering with temporal self-attention in place of local temporal modelling.
from mmengine.config import read_base

from mplug2.modules import TemporalSelfAttention

with read_base():
    from .video_qa import *

model['network']['vision_encoder'].update(
    temporal=dict(type=TemporalSelfAttention, heads=model['network']['vision_encoder']['heads'])
)
model['init_cfg'].update(absent=['network.vision_encoder.blocks.*.temporal_*'])  # pre-training had another
