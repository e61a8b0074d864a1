# mPLUG-2 Base, MSVD-QA with open-vocabulary generation: 10 epochs at 2e-5, 128 questions a step, 16 frames.
from mmengine.config import read_base

from mplug2.tasks import QuestionAnswering
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.msvd_qa import *

model.update(
    tasks=dict(question_answering=dict(type=QuestionAnswering, media='video')),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=10, val_interval=242)
auto_scale_lr.update(base_batch_size=128)
default_hooks['checkpoint'].update(save_best='accuracy')
