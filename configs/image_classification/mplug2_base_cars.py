# mPLUG-2 Base, Stanford Cars: 50 epochs at 2e-5, 256 images a step, 224 pixels (Table 16).
# Without universal layers: --cfg-options model.network.universal=None
from mmengine.config import read_base

from mplug2.datasets import StanfordCars
from mplug2.tasks import Classification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.transfer import *

model.update(
    tasks=dict(classification=dict(type=Classification, num_classes=196)),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
train_dataloader['dataset'].update(
    type=StanfordCars, ann_file='data/stanford_cars/devkit/cars_train_annos.mat', data_prefix='data/stanford_cars/cars_train'
)
test_dataloader['dataset'].update(
    type=StanfordCars, ann_file='data/stanford_cars/cars_test_annos_withlabels.mat', data_prefix='data/stanford_cars/cars_test'
)
optim_wrapper['optimizer'].update(lr=2e-5)
train_cfg.update(max_epochs=50)
auto_scale_lr.update(base_batch_size=256)
