# mPLUG-2 Large, MSRVTT captioning as the published weights were tested; mplug2_base_msrvtt_release says how.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msrvtt_release import *
    from .._base_.models.large import *

model.merge(large_pretrained)
