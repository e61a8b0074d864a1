# Table 15 on the mini benchmark: retrieval with temporal self-attention in place of local temporal modelling.
from mmengine.config import read_base

from mplug2.modules import TemporalSelfAttention

with read_base():
    from .video_text_retrieval import *

model['network']['vision_encoder'].update(
    temporal=dict(type=TemporalSelfAttention, num_heads=model['network']['vision_encoder']['num_heads'])
)
