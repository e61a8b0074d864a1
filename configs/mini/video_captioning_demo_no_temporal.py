# The demonstration without local temporal modelling: each frame is seen alone until the universal layers.
from mmengine.config import read_base

with read_base():
    from .video_captioning_demo import *

model['network']['vision_encoder'].update(temporal=None)
