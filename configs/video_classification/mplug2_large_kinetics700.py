# mPLUG-2 Large, Kinetics-700, the second stage: 5 epochs at 5e-6, 128 clips a step, from the first stage's weights with the
# rows of the head that Kinetics-700 has (tools/weights/kinetics_head.py).
from mmengine.config import read_base

with read_base():
    from .mplug2_base_kinetics700 import *
    from .._base_.models.large import *

model.merge(large)
model['init_cfg'].update(source='weights/mplug2_large_kinetics710_to_700.pth')
model.update(blocks=dict(recompute=['vision_encoder']))
train_dataloader.update(batch_size=16)
optim_wrapper['optimizer'].update(lr=5e-6)
auto_scale_lr.update(base_batch_size=128)
train_cfg.update(val_interval=4218)
