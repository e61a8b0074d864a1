# mPLUG-2 Large, text-to-video retrieval on LSMDC: 10 epochs at 2e-5, 192 pairs a step, 12 frames.
from mmengine.config import read_base

from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.lsmdc_retrieval import *

model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='video',
            contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=65536, distill_alpha=0.4),
            matching=dict(type=HardNegativeMatching),
        )
    ),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_large_pretrain.pth', absent=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=10, val_interval=527)
auto_scale_lr.update(base_batch_size=192)
default_hooks['checkpoint'].update(save_best='text_to_video_R@1')
