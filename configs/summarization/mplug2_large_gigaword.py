# mPLUG-2 Large, Gigaword: 50,000 steps at 3e-5, 256 pairs a step; 5 beams, at most 512 tokens (Appendix B.2.2).
from mmengine.config import read_base

with read_base():
    from .mplug2_base_gigaword import *
    from .._base_.models.large import *

model.merge(large_pretrained)
