# mPLUG-2 Large, DTD, the first of its ten splits: 50 epochs at 2e-5, 256 images a step, 224 pixels (Table 16).
# Without universal layers: --cfg-options model.network.universal=None
from mmengine.config import read_base

with read_base():
    from .mplug2_base_dtd import *
    from .._base_.models.large import *

model.merge(large_pretrained)
