# The same network after the paper's equations (paper.py).
from mmengine.config import read_base

with read_base():
    from .mplug2_base import *
    from .paper import *

model.merge(paper)
model['network']['vision_encoder']['temporal'].update(hidden_dim=model['network']['vision_encoder']['width'])
