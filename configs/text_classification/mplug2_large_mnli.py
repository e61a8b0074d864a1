# mPLUG-2 Large, MNLI: 5 epochs at 3e-5, 128 samples a step; glue_sweep.py searches the paper's space.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_mnli import *
    from .._base_.models.large import *

model.merge(large_pretrained)
optim_wrapper['optimizer'].update(lr=3e-5)
