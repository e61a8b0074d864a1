# mPLUG-2 Large, Food-101: 20 epochs at 2e-5, 256 images a step, 224 pixels (Table 16).
# Without universal layers: --cfg-options model.network.universal=None
from mmengine.config import read_base

with read_base():
    from .mplug2_base_food101 import *
    from .._base_.models.large import *

model.merge(large_pretrained)
