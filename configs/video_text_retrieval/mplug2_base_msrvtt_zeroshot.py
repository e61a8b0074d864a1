# mPLUG-2 Base as pre-trained, tested on MSRVTT (1k-A) without fine-tuning (Table 19): mplug2 test CONFIG CHECKPOINT, where the
# checkpoint is pre-training's.
from mmengine.config import read_base

with read_base():
    from .mplug2_base_msrvtt import *

model.update(init_cfg=None)
train_dataloader = train_cfg = optim_wrapper = param_scheduler = None
val_dataloader = val_cfg = val_evaluator = None
