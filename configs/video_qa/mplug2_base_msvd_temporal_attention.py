# Table 15: MSVD-QA with temporal self-attention in place of local temporal modelling.
from mmengine.config import read_base

from mplug2.modules import TemporalSelfAttention

with read_base():
    from .mplug2_base_msvd import *

model['network']['vision_encoder'].update(
    temporal=dict(type=TemporalSelfAttention, num_heads=model['network']['vision_encoder']['num_heads'])
)
model['init_cfg'].update(absent=['network.vision_encoder.blocks.*.temporal_*'])  # pre-training had another
