# The second stage: CIDEr optimisation for 5 epochs at 1e-6, 16 clips a step, from mplug2_large_msvd.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msvd_cider import *
    from .._base_.models.large import *

model.merge(large)
load_from = 'work_dirs/video_captioning/mplug2_large_msvd'  # its best checkpoint
