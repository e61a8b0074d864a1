# mPLUG-2 Base, SQuAD 2.0: 2 epochs at 5e-5, 48 questions a step. The paper gives no recipe; this is BERT's.
from mmengine.config import read_base

from mplug2.tasks import TextQA
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune_bert import *
    from .._base_.datasets.squad_v2 import *

model.update(
    tasks=dict(text_qa=dict(type=TextQA, unanswerable=True)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
train_dataloader.update(batch_size=48)
optim_wrapper['optimizer'].update(lr=5e-5)
param_scheduler = [dict(warm_up, end=540), dict(decay, begin=540)]
train_cfg.update(max_epochs=2)
auto_scale_lr.update(base_batch_size=48)
