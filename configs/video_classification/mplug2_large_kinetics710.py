# mPLUG-2 Large, Kinetics-710, the first stage: 40 epochs at 5e-6, 128 clips a step, 16 frames.
from mmengine.config import read_base

from mplug2.tasks import Classification
from mplug2.checkpoints import MPlug2Weights

with read_base():
    from .._base_.default_runtime import *
    from .._base_.models.mplug2_large import *
    from .._base_.schedules.finetune import *
    from .._base_.datasets.kinetics import *

model.update(
    tasks=dict(classification=dict(type=Classification, num_classes=710, media='video')),
    init_cfg=dict(type=MPlug2Weights, source='weights/mplug2_large_pretrain.pth', new=['tasks.*']),
    blocks=dict(recompute=['vision_encoder']),
)
for loader, part in ((train_dataloader, 'train'), (val_dataloader, 'val'), (test_dataloader, 'val')):
    loader['dataset'].update(ann_file=f'data/kinetics710/{part}_list_videos.txt', data_prefix='data')
del loader, part
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=5e-6)
train_cfg.update(max_epochs=40, val_interval=5080)
auto_scale_lr.update(base_batch_size=128)
default_hooks['checkpoint'].update(save_best='top1')
