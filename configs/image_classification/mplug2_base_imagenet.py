# mPLUG-2 Base, ImageNet-1K: 30 epochs at 6e-5, 4,096 images a step, 224 pixels (Table 13).
# Without universal layers (Table 16): --cfg-options model.network.universal=None
from mmengine.config import read_base

from mplug2.tasks import Classification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.imagenet import *

model.update(
    tasks=dict(classification=dict(type=Classification, num_classes=1000)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=6e-5)
train_cfg.update(max_epochs=30, val_interval=312)
auto_scale_lr.update(base_batch_size=4096)
default_hooks['checkpoint'].update(save_best='top1')
