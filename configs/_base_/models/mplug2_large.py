# mPLUG-2 Large as published: ViT-L/14 with two local temporal modules a block, BERT-Large of which the last two layers are
# universal, six fusion layers, twelve decoder layers.
from mmengine.config import read_base

with read_base():
    from .mplug2_base import *
    from .large import *

model.merge(large)
