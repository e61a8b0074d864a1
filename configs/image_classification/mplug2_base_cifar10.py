# mPLUG-2 Base, CIFAR-10: 10 epochs at 2e-5, 256 images a step, 224 pixels (Table 16).
# Without universal layers: --cfg-options model.network.universal=None
from mmengine.config import read_base

from mplug2.datasets import CIFAR10
from mplug2.tasks import Classification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.transfer import *

model.update(
    tasks=dict(classification=dict(type=Classification, num_classes=10)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
# Its images come as arrays, so nothing loads them.
train_dataloader['dataset'].update(
    type=CIFAR10, split='train', data_prefix='data/cifar-10-batches-bin', pipeline=[crop, flip, augment, labelled]
)
test_dataloader['dataset'].update(
    type=CIFAR10, split='test', data_prefix='data/cifar-10-batches-bin', pipeline=[shorter, centre, scored]
)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=10)
auto_scale_lr.update(base_batch_size=256)
