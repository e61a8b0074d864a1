# mPLUG-2 Base, DTD, the first of its ten splits: 50 epochs at 2e-5, 256 images a step, 224 pixels (Table 16).
# Without universal layers: --cfg-options model.network.universal=None
from mmengine.config import read_base

from mplug2.datasets import DTD
from mplug2.tasks import Classification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.transfer import *

model.update(
    tasks=dict(classification=dict(type=Classification, num_classes=47)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
train_dataloader['dataset'].update(
    type=DTD, ann_file=['data/dtd/labels/train1.txt', 'data/dtd/labels/val1.txt'], data_prefix='data/dtd/images'
)
test_dataloader['dataset'].update(type=DTD, ann_file='data/dtd/labels/test1.txt', data_prefix='data/dtd/images')
optim_wrapper['optimizer'].update(lr=2e-5)
# Five epochs of warm-up; the recipe has 735 steps.
param_scheduler = [dict(warm_up, end=75), dict(decay, begin=75)]
train_cfg.update(max_epochs=50)
auto_scale_lr.update(base_batch_size=256)
