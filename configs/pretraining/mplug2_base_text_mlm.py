# mPLUG-2 Base, pre-training with masked words read from text alone, as Section 3.2 has the language loss.
from mmengine.config import read_base

with read_base():
    from .mplug2_base import *

model['tasks']['mlm'].update(fused=False)
