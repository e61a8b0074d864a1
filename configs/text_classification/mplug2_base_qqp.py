# mPLUG-2 Base, QQP: 5 epochs at 5e-5, 128 samples a step; glue_sweep.py searches the paper's space.
from mmengine.config import read_base

from mplug2.tasks import TextClassification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune_language import *
    from .._base_.datasets.glue_qqp import *

model.update(
    tasks=dict(text_classification=dict(type=TextClassification, num_classes=2)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=5e-5)
param_scheduler = [dict(warm_up, end=850), dict(decay, begin=850)]
train_cfg.update(max_epochs=5, val_interval=2843)
default_hooks['checkpoint'].update(interval=2843, save_best='accuracy')
auto_scale_lr.update(base_batch_size=128)
