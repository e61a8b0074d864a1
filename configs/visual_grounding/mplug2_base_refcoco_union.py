# mPLUG-2 Base, grounding, first stage: 120 epochs at 2e-5 on RefCOCO, RefCOCO+ and RefCOCOg together, 336 pixels. The paper
# names no batch size: 256 expressions a step.
from mmengine.config import read_base

from mplug2.tasks import Grounding
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.refcoco_union import *

model.update(
    tasks=dict(grounding=dict(type=Grounding, locations=locations, num_beams=5)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
model['network']['vision_encoder'].update(image_size=336)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=120, val_interval=5000)
auto_scale_lr.update(base_batch_size=256)
default_hooks['checkpoint'].update(save_best='accuracy@0.5')
