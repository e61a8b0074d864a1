# mPLUG-2 Large, grounding, first stage: 120 epochs at 2e-5 on RefCOCO, RefCOCO+ and RefCOCOg together, 336 pixels. The paper
# names no batch size: 256 expressions a step.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_refcoco_union import *
    from .._base_.models.large import *

model.merge(large_pretrained)
