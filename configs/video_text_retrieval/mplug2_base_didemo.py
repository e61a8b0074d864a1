# mPLUG-2 Base, text-to-video retrieval on DiDeMo (paragraphs): 10 epochs at 2e-5, 192 pairs a step, 12 frames.
from mmengine.config import read_base

from mplug2.objectives import HardNegativeMatching, MomentumContrast
from mplug2.tasks import Retrieval
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.didemo_retrieval import *

model.update(
    tasks=dict(
        retrieval=dict(
            type=Retrieval,
            media='video',
            contrastive=dict(type=MomentumContrast, momentum=0.995, queue_size=65536, distill_alpha=0.4),
            matching=dict(type=HardNegativeMatching),
        )
    ),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', absent=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=2e-5)
# An epoch: the usual 500 steps of warm-up are more than the 440 of this recipe.
param_scheduler = [dict(warm_up, end=44), dict(decay, begin=44)]
train_cfg.update(max_epochs=10, val_interval=44)
auto_scale_lr.update(base_batch_size=192)
default_hooks['checkpoint'].update(save_best='text_to_video_R@1')
