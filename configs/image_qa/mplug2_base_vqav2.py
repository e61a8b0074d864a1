# mPLUG-2 Base, VQA v2 for the evaluation server: 8 epochs at 3e-5, 512 questions a step, 576 pixels.
from mmengine.config import read_base

from mplug2.tasks import QuestionAnswering
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.vqav2 import *

model.update(
    tasks=dict(question_answering=dict(type=QuestionAnswering, media='image')),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
model['network']['vision_encoder'].update(image_size=576)
optim_wrapper['optimizer'].update(lr=3e-5)
train_cfg.update(max_epochs=8)
auto_scale_lr.update(base_batch_size=512)
