# mPLUG-2 Large, MSRVTT-QA with open-vocabulary generation: 10 epochs at 2e-5, 128 questions a step, 16 frames.
from mmengine.config import read_base

from mplug2.tasks import QuestionAnswering
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.msrvtt_qa import *

model.update(
    tasks=dict(question_answering=dict(type=QuestionAnswering, media='video')),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_large_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=10, val_interval=1239)
auto_scale_lr.update(base_batch_size=128)
default_hooks['checkpoint'].update(save_best='accuracy')
