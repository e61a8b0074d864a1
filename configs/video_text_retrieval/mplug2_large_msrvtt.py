# mPLUG-2 Large, text-to-video retrieval on MSRVTT (1k-A): 10 epochs at 2e-5, 192 pairs a step, 12 frames.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msrvtt import *
    from .._base_.models.large import *

model.merge(large_pretrained)
