# mPLUG-2 Base, MNLI: 5 epochs at 5e-5, 128 samples a step; glue_sweep.py searches the paper's space.
from mmengine.config import read_base

from mplug2.tasks import TextClassification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune_language import *
    from .._base_.datasets.glue_mnli import *

model.update(
    tasks=dict(text_classification=dict(type=TextClassification, num_classes=3)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=5e-5)
param_scheduler = [dict(warm_up, end=920), dict(decay, begin=920)]
train_cfg.update(max_epochs=5, val_interval=3068)
default_hooks['checkpoint'].update(interval=3068, save_best='accuracy/matched')
auto_scale_lr.update(base_batch_size=128)
