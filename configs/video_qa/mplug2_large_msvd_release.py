# mPLUG-2 Large, MSVD-QA as the published weights (mPLUG2_MSVD_QA.pth) were tested; mplug2_base_msvd_release says how.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd_release import *
    from .._base_.models.large import *

model.merge(large_pretrained)
