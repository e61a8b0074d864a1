# CLIP4Clip (seqTransf), text-to-video retrieval on the mini benchmark.
from mmengine.config import read_base

from mplug2.projects.clip4clip import Clip4ClipNetwork, FrameTransformer

with read_base():
    from mplug2.projects.clip.configs.mini_video_text_retrieval import *

model['network'].update(type=Clip4ClipNetwork, temporal=dict(type=FrameTransformer, width=128, num_heads=4, ffn_dim=256))
