# mPLUG-2 Large as pre-trained, tested on MSRVTT (1k-A) without fine-tuning (Table 19): mplug2 test CONFIG CHECKPOINT, where the
# checkpoint is pre-training's.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msrvtt_zeroshot import *
    from .._base_.models.large import *

model.merge(large)
