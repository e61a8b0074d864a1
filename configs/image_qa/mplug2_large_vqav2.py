# mPLUG-2 Large, VQA v2 for the evaluation server: 8 epochs at 3e-5, 512 questions a step, 574 pixels (the paper says
# 576, which patches of 14 do not divide).
from mmengine.config import read_base

from mplug2.tasks import QuestionAnswering
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.vqav2 import *

loaders = [loader for loader in (train_dataloader, val_dataloader, test_dataloader) if loader is not None]
for step in [step for loader in loaders for step in loader['dataset']['pipeline'] if 'size' in step]:
    step.update(size=574)
del loaders, step

model.update(
    tasks=dict(question_answering=dict(type=QuestionAnswering, media='image')),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_large_pretrain.pth', new=['tasks.*']),
)
model['network']['vision_encoder'].update(image_size=574)
optim_wrapper['optimizer'].update(lr=3e-5)
train_cfg.update(max_epochs=8)
auto_scale_lr.update(base_batch_size=512)
