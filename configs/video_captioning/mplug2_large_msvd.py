# mPLUG-2 Large, video captioning on MSVD: 10 epochs of cross-entropy at 2e-5, 128 captions a step, 16 frames.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd import *
    from .._base_.models.large import *

model.merge(large_pretrained)
