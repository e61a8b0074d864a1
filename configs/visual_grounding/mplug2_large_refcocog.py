# mPLUG-2 Large, grounding, second stage: 30 epochs at 2e-6 on RefCOCOg (UMD split), from the best of the first stage.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_refcocog import *
    from .._base_.models.large import *

model.merge(large)
model['init_cfg'].update(source='weights/mplug2_large_refcoco_union.pth')
