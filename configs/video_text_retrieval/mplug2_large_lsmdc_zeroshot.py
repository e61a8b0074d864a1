# mPLUG-2 Large as pre-trained, tested on LSMDC without fine-tuning (Table 19): mplug2 test CONFIG CHECKPOINT, where the
# checkpoint is pre-training's.
from mmengine.config import read_base

with read_base():
    from .mplug2_large_lsmdc import *

model.pop('init_cfg')
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
