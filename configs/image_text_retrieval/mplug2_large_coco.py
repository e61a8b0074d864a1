# mPLUG-2 Large, image-text retrieval on COCO (5K test): 8 epochs at 1e-5, 512 pairs a step, 336 pixels.
from mmengine.config import read_base

from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.coco_retrieval import *

model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='image',
            contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=65536, distill_alpha=0.4),
            matching=dict(type=HardNegativeMatching),
        )
    ),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_large_pretrain.pth', absent=['tasks.*']),
)
model['network']['vision_encoder'].update(image_size=336)
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=8, val_interval=1107)
auto_scale_lr.update(base_batch_size=512)
default_hooks['checkpoint'].update(save_best='R@mean')
