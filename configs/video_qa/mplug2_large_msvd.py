# mPLUG-2 Large, MSVD-QA with open-vocabulary generation: 10 epochs at 2e-5, 128 questions a step, 16 frames.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd import *
    from .._base_.models.large import *

model.merge(large_pretrained)
