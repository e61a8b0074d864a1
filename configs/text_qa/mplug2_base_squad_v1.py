# mPLUG-2 Base, SQuAD 1.1: 3 epochs at 5e-5, 32 questions a step. The paper gives no recipe; this is BERT's.
from mmengine.config import read_base

from mplug2.tasks import TextQA
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune_bert import *
    from .._base_.datasets.squad_v1 import *

model.update(
    tasks=dict(text_qa=dict(type=TextQA, unanswerable=False)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
optim_wrapper['optimizer'].update(lr=5e-5)
param_scheduler = [dict(warm_up, end=800), dict(decay, begin=800)]
train_cfg.update(max_epochs=3)
auto_scale_lr.update(base_batch_size=32)
