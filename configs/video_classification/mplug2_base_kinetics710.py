# mPLUG-2 Base, Kinetics-710, the first stage: 40 epochs at 1e-5, 256 clips a step, 16 frames.
from mmengine.config import read_base

from mplug2.tasks import Classification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_base import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.kinetics import *

model.update(
    tasks=dict(classification=dict(type=Classification, num_classes=710, media='video')),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_base_pretrain.pth', new=['tasks.*']),
)
train_dataloader['dataset'].update(ann_file='data/kinetics710/train_list_videos.txt', data_prefix='data')
val_dataloader['dataset'].update(ann_file='data/kinetics710/val_list_videos.txt', data_prefix='data')
test_dataloader['dataset'].update(ann_file='data/kinetics710/val_list_videos.txt', data_prefix='data')
optim_wrapper['optimizer'].update(lr=1e-5)
train_cfg.update(max_epochs=40, val_interval=2540)
auto_scale_lr.update(base_batch_size=256)
default_hooks['checkpoint'].update(save_best='top1')
